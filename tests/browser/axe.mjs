// Every page that links reach, judged by axe-core against WCAG 2.2 AA: at a desk in light and in dark, and at telephone width in light.
// One page of each kind: addresses that differ only in an id count once. Pages that ask first, dialogs and forms are among them.
import axe from 'axe-core';
import { check, finish, logIn, open } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
// What a page of one kind is called: ids, serial numbers and codes stand for each other, and only the query's names count.
const kind = (address) => {
  const url = new URL(address);
  const path = url.pathname.split('/').map((part) => (/\d/.test(part) && part.length > 6 ? ':id' : part)).join('/');
  const names = [...url.searchParams.keys()].filter((name) => name === 'tab' || name === 'by').map((name) => `${name}=${url.searchParams.get(name)}`);
  return path + (names.length ? `?${names.join('&')}` : '');
};

// What colours and widths can change; the rest was judged at the desk.
const LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'aria-hidden-focus'];

async function judge(page, what, rules) {
  await page.evaluate(axe.source);
  const runOnly = rules ? { type: 'rule', values: rules } : { type: 'tag', values: TAGS };
  const found = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly, resultTypes: ['violations'] }), runOnly);
  const words = found.violations.map((fault) => `${fault.id} (${fault.impact}): ${fault.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.html.slice(0, 120)}`).join(' | ')}`);
  check(`${what} has no violation`, words.length === 0, `\n    ${words.join('\n    ')}`);
}

const desk = await open(base);
await logIn(base, desk.page, password);
await desk.page.waitForURL(`${base}/`);

// Downloads, streams and whatever logs out are no pages; the API is for programs.
const isPage = (url) => url.origin === base && !/^\/(api|static|logout|packages|ddm|health)\b|\.(csv|ics|mobileconfig|pem|crt|cer|p7b|ipa|json|svg|txt)$|\/(download|export|file|certificate|csr)$/.test(url.pathname);
console.log('every page that links reach');
const seen = new Map(), queue = [`${base}/`];
while (queue.length) {
  const address = queue.shift();
  if (seen.has(kind(address))) continue;
  seen.set(kind(address), address);
  let answer;
  try { answer = await desk.page.goto(address); } catch { seen.delete(kind(address)); continue; }
  if (!/html/.test(answer.headers()['content-type'] ?? '')) { seen.delete(kind(address)); continue; }
  check(`${kind(address)} is there`, answer.status() === 200, answer.status());
  await judge(desk.page, kind(address));
  for (const href of await desk.page.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.href))) {
    const url = new URL(href);
    url.hash = '';
    if (isPage(url) && !seen.has(kind(url.href))) queue.push(url.href);
  }
}
console.log(`${seen.size} kinds of pages`);
check('that is most of the product', seen.size > 60, seen.size);
const cookies = await desk.context.cookies();

for (const [name, options] of [['in the dark', { colorScheme: 'dark' }], ['on a telephone', { viewport: { width: 390, height: 844 } }]]) {
  console.log(name);
  const other = await open(base, options);
  await other.context.addCookies(cookies);
  for (const [what, address] of seen) {
    await other.page.goto(address);
    await judge(other.page, `${what}, ${name},`, LOOKS);
  }
  await other.context.close();
}

console.log('before anybody is logged in');
for (const colorScheme of ['light', 'dark']) {
  const stranger = await open(base, { colorScheme });
  for (const path of ['/login', '/trust', '/enroll/nothing', '/setup?token=nothing', '/catalog/nothing']) {
    await stranger.page.goto(base + path);
    await judge(stranger.page, `${path} (${colorScheme})`);
  }
  await stranger.context.close();
}
await finish();
