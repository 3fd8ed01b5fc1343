// Every page that links reach and every answer of a form that can be had without harm, judged by axe-core against WCAG 2.2 AA: at a desk in light and in
// dark, and at telephone width. One page of each kind: addresses that differ only in an id count once. Pages that ask first, dialogs and forms are among them.
// Pictures of all of them, 1280 and 390 pixels wide, land in the folder `pages`.
import { mkdirSync } from 'node:fs';
import { check, finish, logIn, open } from './kit.mjs';
import { LOOKS, judge } from './judge.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;
mkdirSync('pages', { recursive: true });
// What a page of one kind is called: ids, serial numbers and codes stand for each other, and only the query's names count.
const kind = (address) => {
  const url = new URL(address);
  const path = url.pathname.split('/').map((part) => (/\d/.test(part) && part.length > 6 ? ':id' : part)).join('/');
  const names = [...url.searchParams.keys()].filter((name) => name === 'tab' || name === 'by').map((name) => `${name}=${url.searchParams.get(name)}`);
  return path + (names.length ? `?${names.join('&')}` : '');
};
const kept = (page, what, look) => page.screenshot({ path: `pages/${what.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'today'}-${look}.png`, fullPage: true });

const desk = await open(base);
await logIn(base, desk.page, password);
await desk.page.waitForURL(`${base}/`);

// Downloads, streams and whatever logs out are no pages; the API is for programs. What turns out to be a file is passed over.
const isPage = (url) => url.origin === base && !/^\/(api|static|logout|packages|ddm|health)\b|\.(csv|ics|mobileconfig|pem|crt|cer|p7b|ipa|json|svg|txt)$|\/(download|export|certificate|csr|template)$/.test(url.pathname);
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
  await kept(desk.page, kind(address), 1280);
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
    if (options.viewport) await kept(other.page, what, 390);
  }
  await other.context.close();
}

// What stands only after something was chosen, typed or sent. Each leaves things as they were, or makes what nobody minds on an appliance for trial.
const found = (what) => seen.get(what);
const send = async (page, button) => {
  await page.evaluate(() => document.querySelectorAll('form').forEach((form) => { form.noValidate = true; }));
  await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), button.click()]);
  await page.waitForLoadState('load');
};
const drop = async (page, path, field, name, text) => {
  await page.goto(base + path);
  await page.setInputFiles(`input[name=${field}]`, { name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });
  await send(page, page.locator('form', { has: page.locator(`input[name=${field}]`) }).locator('button[type=submit]').first());
  await page.locator('.error, [role=alert], .mistakes, main h1').first().waitFor();
};
const choose = async (page, filter, deed, count = 2) => {
  await page.goto(`${base}/devices${filter}`);
  for (let number = 0; number < count; number += 1) await page.locator('tbody .pick input').nth(number).check();
  await page.locator('.selection button', { hasText: deed }).first().click();
};
const scenes = {
  'rows that are chosen': async (page) => {
    // Tall enough for all rows: the bar stays at the foot, and a row that it covers in part is scrolled to by whoever wants it.
    await page.setViewportSize({ width: page.viewportSize().width, height: 2400 });
    await page.goto(`${base}/devices`);
    await page.locator('tbody .pick input').first().check();
  },
  'a dialog that asks': async (page) => {
    await choose(page, '', 'Lock');
    await page.waitForSelector('dialog form#confirm');
  },
  'a dialog that asks for the count': async (page) => {
    await choose(page, '', 'Erase');
    await page.waitForSelector('dialog form#confirm');
    await page.fill('dialog input[name=typed]', '9');
    await send(page, page.locator('dialog button[name=confirmed]'));
    await page.waitForSelector('text=That is not the number.');
  },
  'devices that cannot have it': async (page) => {
    await choose(page, '?platform=macos', 'Lost Mode', 1);
    await page.waitForSelector('dialog form#confirm');
    await page.fill('dialog input[name=message]', 'Please bring it back');
    await send(page, page.locator('dialog button[name=confirmed]'));
    await page.waitForSelector('text=Nothing changed for these');
  },
  'mistakes in a form': async (page) => {
    await page.goto(`${base}/invitations/new`);
    await page.fill('input[name=days]', '0');
    await send(page, page.locator('main form button.main').first());
  },
  'mistakes in the mail server': async (page) => {
    await page.goto(`${base}/system/notices`);
    await send(page, page.locator('form[action="/system/notices/mail-server"] button.main'));
  },
  'a wrong file': (page) => drop(page, '/profiles/new', 'file', 'letter.pdf', '%PDF-1.7\n'),
  'a file of another page': (page) => drop(page, '/provisioning/new', 'file', 'wifi.mobileconfig', '<?xml version="1.0"?><plist version="1.0"><dict><key>PayloadContent</key><array/></dict></plist>'),
  'a wrong file in place of the push certificate': (page) => drop(page, '/system/push', 'certificate', 'people.csv', 'name,class\nKim,7a\nPat,7b\n'),
  'people before they are imported': (page) => drop(page, '/people/import', 'files', 'people.csv', 'name,email,class\nKim Example,kim.axe@example.school,7x\n'),
  'the preview of who gets an app': async (page) => {
    await page.goto(found('/apps/:id'));
    await page.locator('.choices .choice input').first().check();
    await page.locator('button', { hasText: 'Preview' }).click();
    await page.waitForURL(/\/preview\//);
  },
  'a rule that is built': async (page) => {
    await page.goto(`${base}/groups/new?by=rule`);
    await page.fill('input[name=name]', 'Macs');
    await page.selectOption('select[name=what-0]', 'platform');
    await page.selectOption('select[name=value-0]', 'macos');
    await page.locator('#found', { hasText: 'it is a Mac' }).waitFor();
    await page.locator('button', { hasText: 'Add a condition' }).click();
    await page.locator('select[name=what-1]').waitFor();
  },
  'the code for a second factor': async (page) => {
    await page.goto(`${base}/account/second-factor`);
    // Begun once, it goes on with the code.
    if (await page.locator('input[name=password]').count() === 0) return;
    await page.fill('input[name=password]', password);
    await send(page, page.locator('main form button.main').first());
  },
  'a focus before it begins': async (page) => {
    await page.goto(found('/teaching/:id/focus') ?? `${base}/teaching`);
    if (await page.locator('input[name=app]').count() === 0) return;
    await page.locator('input[name=app]').first().check();
    await send(page, page.locator('button', { hasText: 'Look at it first' }));
  },
  'a token that is shown once': async (page) => {
    await page.goto(`${base}/system/tokens/new`);
    await page.fill('input[name=name]', 'to be looked at');
    await send(page, page.locator('main form button.main').first());
    await page.waitForURL(/\/system\/tokens\/made\//);
  },
  'what an iPhone opens by an invitation': async (page) => {
    await page.goto(found('/invitations/:id'));
    await page.goto(base + new URL(await page.inputValue('.copy input')).pathname);
  },
  'the catalogue at a device': async (page) => {
    await page.goto(found('/devices/:id/catalog'));
    await page.goto(base + new URL(await page.inputValue('.copy input')).pathname);
  },
  'a link to choose a password by': async (page) => {
    await page.goto(found('/people/:id/password'));
    await send(page, page.locator('button', { hasText: 'Make a link to choose one' }));
    const address = page.locator('.copy input').first();
    if (await address.count()) await page.goto(base + new URL(await address.inputValue()).pathname);
  },
  'nothing at an address': (page) => page.goto(`${base}/nowhere`),
};
console.log('what stands after something was chosen, typed or sent');
const LOOK = [['light', {}, undefined], ['dark', { colorScheme: 'dark' }, LOOKS], ['telephone', { viewport: { width: 390, height: 844 } }, LOOKS]];
for (const [look, options, rules] of LOOK) {
  const other = await open(base, options);
  await other.context.addCookies(cookies);
  for (const [what, act] of Object.entries(scenes)) {
    try {
      await act(other.page);
      await judge(other.page, `${what} (${look})`, rules);
      if (look !== 'dark') await kept(other.page, what, options.viewport ? 390 : 1280);
    } catch (error) {
      check(`${what} (${look}) can be judged`, false, error.message);
    }
  }
  await other.context.close();
}

console.log('before anybody is logged in');
for (const colorScheme of ['light', 'dark']) {
  const stranger = await open(base, { colorScheme });
  for (const path of ['/login', '/trust', '/enroll/nothing', '/setup?token=nothing', '/catalog/nothing', '/password/nothing', '/account-enrollment/personal']) {
    await stranger.page.goto(base + path);
    await judge(stranger.page, `${path} (${colorScheme})`);
  }
  await logIn(base, stranger.page, 'wrong password');
  await judge(stranger.page, `a log-in that is refused (${colorScheme})`);
  await stranger.context.close();
}
await finish();
