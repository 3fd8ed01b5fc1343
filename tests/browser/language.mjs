// Another language: the texts are saved, a file that translates some of them is brought, pages speak it and are laid out from the right, and English comes back.
// Then a made-up one, in which every vowel has an accent: what still stands in plain letters on any page, and is no data, is not said in the language.
import { readFileSync } from 'node:fs';
import { check, finish, fitsTelephones, isPage, kindOf, logIn, open, overflow, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;
const admin = await open(base);
const { page } = admin;
await logIn(base, page, password);
await page.waitForURL(`${base}/`);
const main = () => page.locator('main').innerText();
const way = () => page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);
const rail = async () => (await page.locator('header.rail').boundingBox()).x;

console.log('another language');
await page.goto(`${base}/system`);
await Promise.all([page.waitForURL(`${base}/system/language`), page.locator('main a[href="/system/language"]').first().click()]);
check('English is spoken', /English/.test(await main()) && (await way()).join() === 'en,' && await rail() < 100);
const [saved] = await Promise.all([page.waitForEvent('download'), page.click('text=English texts to translate')]);
check('the texts can be saved', saved.suggestedFilename() === 'rollcall.pot', saved.suggestedFilename());

const said = {
  'Log out': 'יציאה', 'System': 'מערכת', 'just now': 'ממש עכשיו', 'in a moment': 'עוד רגע', '{n} minutes ago': 'לפני {n} דקות', '1 minute ago': 'לפני דקה',
  '{n} hours ago': 'לפני {m} שעות', 'Pages speak this language from now on.': 'מעכשיו בעברית.',
};
const file = (texts) => ['msgid ""\nmsgstr ""\n"Language: he\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n',
  ...Object.entries(texts).map(([english, text]) => `msgid ${JSON.stringify(english)}\nmsgstr ${JSON.stringify(text)}\n`)].join('\n');
const bring = async (name, text) => {
  await page.setInputFiles('input[type=file]', { name, mimeType: 'text/x-gettext-translation', buffer: Buffer.from(text) });
  await Promise.all([page.waitForNavigation(), page.click('form[enctype] button[type=submit]')]);
};
await bring('people.csv', 'name,serial\n');
check('a file that is none is told at its field', /line 1 cannot be read/.test(await page.locator('#f-file-error').innerText()));
await bring('he.po', file(said));
check('pages speak it at once', (await way()).join() === 'he,rtl' && /מעכשיו בעברית/.test(await main()), (await way()).join());
check('the rail stands on the right', await rail() > 600, await rail());
check('what is translated is counted, and what is not used is named', /7 of [\d,]+/.test(await main()) && /: 1\b/.test(await main()), await main());
check('moments are told in it by the script', /ממש עכשיו|לפני|עוד רגע/.test(await page.locator('main time[data-as=ago]').first().innerText()));
check('and nothing is wider than the window', await overflow(page) <= 0, await overflow(page));
await picture(page, 'language');
await fitsTelephones(base, await admin.context.cookies(), ['/', '/devices', '/system', '/system/language']);

await page.goto(`${base}/system/language`);
await Promise.all([page.waitForNavigation(), page.locator('form[action="/system/language/english"] button').click()]);
check('English comes back', (await way()).join() === 'en,' && /Pages speak English again/.test(await main()), await main());
console.log('a made-up language on every page');
// The file to translate, with accents but in holes and behind backslashes; both forms of what is counted.
const accents = (text) => text.replace(/\\.|\{\{|\}\}|\{[^}]*\}|[aeiouAEIOU]/g, (found) => 'áéíóúÁÉÍÓÚ'['aeiouAEIOU'.indexOf(found)] ?? found);
const texts = readFileSync(await saved.path(), 'utf8').split(/\n\n+/).slice(1).map((entry) => {
  const text = (keyword) => entry.match(new RegExp(`^${keyword} ((?:".*"\\s*)+)`, 'm'))?.[1].split('\n').map((line) => line.trim().slice(1, -1)).join('');
  const [one, many] = [text('msgid'), text('msgid_plural')];
  if (!one) return '';
  const forms = many === undefined ? `msgstr "${accents(one)}"` : `msgid_plural "${many}"\nmsgstr[0] "${accents(one)}"\nmsgstr[1] "${accents(many)}"`;
  return `msgid "${one}"\n${forms}\n`;
});
const head = 'msgid ""\nmsgstr ""\n"Language: en-XA\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n';
await bring('en-XA.po', [head, ...texts].join('\n'));
check('pages speak the made-up language', (await way()).join() === 'en-XA,', (await way()).join());

// What people typed and what devices and Apple said is data, wherever it stands: the API has it under these names.
const NAMES = /^(name|names|note|title|model|color|description|organisation|department|location|label|group|groups|class|classes|email|full_name|seller)$/;
const LISTS = ['devices', 'apps', 'groups', 'people', 'classes', 'profiles', 'policies', 'declarations', 'invitations', 'packages', 'provisioning-profiles', 'updates/plans',
  'ade/servers', 'ade/devices', 'ade/profiles', 'content-tokens', 'webhooks', 'admins', 'tokens', 'catalog', 'settings', 'beta-programs', 'roots', 'authorities'];
// Addresses, bundle ids, topics, files, options and holes; languages; what Apple calls its devices and apps; the protocol's own words beside an answer.
const DATA = [/\S*(@|:\/\/|[a-z]\.[A-Za-z]|--[a-z])\S*/g, /\/[\w./-]+/g, /\{\w+\}/g, /“[^”]*”/g, /\b(en-XA|en|he|de)\b/g, /\b(localhost|nginx|Chromium|Chrome)\b/g,
  /\bApple (TV|Vision Pro|Watch)\b|\biPad (Air|Pro|mini)\b|\biPhone (Pro|Plus|Max)\b|\bMac(Book)? ?(Air|Pro|mini|Studio)\b|\bgeneration\b/g,
  /\b(Books|Calculator|Calendar|Camera|Choir|Files|Freeform|Keynote|Laboratory|Maps|Notes|Numbers|Pages|Photos|Reminders|Safari|Translate|Voice Memos|Weather)\b/g,
  /\bExample Publishing\b|^Rollcall(: device management)?$|^(Managed|Queued|true|false|by someone|someone)$|^(Acknowledged|Error|NotNow|CommandFormatError|Idle),/g];
// Why a device or an app stands as it does is kept as it was said when it came to be; here with names and numbers in it.
const KEPT = [/All \d+ licences are taken; get more in Apple's portal\.?/, /^“[^”]*” begins on [^.]*\./, /^There is no program “.*/s, /It needs \S+ [\d.]+ or later; this device has [\d.]+\./g,
  /^(AirDrop counts as private|Managed documents open only in managed apps|Copy and paste follows the same rules): .*/s,
  // Letters as they went out, and what the mail server answered.
  /^(: )?\d{3} \d\.\d\.\d .*/s, /^Rollcall: .*/s, /^The server did not take the letter\. It said: .*/s];
const words = new Set();
for (const list of LISTS) {
  const answer = await page.evaluate(async (path) => { const got = await fetch(path); return got.ok ? got.json() : got.status; }, `/api/v1/${list}`);
  check(`the data of ${list} is known`, typeof answer === 'object', answer);
  const take = (value, name) => {
    if (Array.isArray(value)) value.forEach((each) => take(each, name));
    else if (value && typeof value === 'object') Object.entries(value).forEach(([key, each]) => take(each, key));
    else if (typeof value === 'string' && NAMES.test(name) && value.length > 1) words.add(value).add(value.toLowerCase());
  };
  take(answer, '');
}
const data = [...words].sort((one, other) => other.length - one.length).map((each) => new RegExp(`(?<![\\p{L}\\p{N}])${each.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'gu'));
const plain = (text) => {
  let rest = text.replace(/\s+/g, ' ');
  for (const each of [...KEPT, ...data, ...DATA]) rest = rest.replace(each, ' ');
  return rest.split(/[^\p{L}\p{N}_]+/u).filter((word) => /^[A-Za-z]?[a-z]+$/.test(word) && /[aeiou]/.test(word) && word.length > 1);
};
// A page as it comes, without its script. What jobs told of their last turn and why something came to pass is kept as it was said then.
const look = (path) => page.evaluate(async ([path, jobs]) => {
  const answer = await fetch(path);
  if (!/html/.test(answer.headers.get('content-type') ?? '')) return undefined;
  const whole = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const links = [...whole.querySelectorAll('a[href]')].map((a) => new URL(a.getAttribute('href'), answer.url).href);
  for (const table of whole.querySelectorAll('table')) {
    if (table.caption?.textContent === jobs) table.querySelectorAll('td:nth-child(2)').forEach((cell) => cell.remove());
  }
  whole.querySelectorAll('script, style, code, pre, time, .mono, p.why, select[name=time_zone], textarea').forEach((part) => part.remove());
  const said = [whole.title], walk = whole.createTreeWalker(whole.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    // What a line of the past is about may be gone: its name stands behind a colon.
    const { data, parentElement } = walk.currentNode;
    said.push(parentElement.closest('.timeline') ? data.split(': ')[0] : data);
  }
  for (const name of ['title', 'aria-label', 'alt']) said.push(...[...whole.querySelectorAll(`[${name}]`)].map((part) => part.getAttribute(name)));
  return { links, said: [...new Set(said.map((text) => text.trim()).filter(Boolean))] };
}, [path, accents('Jobs')]);
const seen = new Set(), queue = [`${base}/`], left = new Map();
while (queue.length) {
  const address = queue.shift();
  if (seen.has(kindOf(address))) continue;
  seen.add(kindOf(address));
  const found = await look(address);
  for (const text of found?.said ?? []) if (plain(text).length && !left.has(text)) left.set(text, kindOf(address));
  for (const href of found?.links ?? []) {
    const url = new URL(href);
    url.hash = '';
    if (isPage(url, base) && !seen.has(kindOf(url.href))) queue.push(url.href);
  }
}
check('that is most of the product', seen.size > 60, seen.size);
check('every text is said in the language', left.size === 0, [...left].map(([text, at]) => `\n    ${at}: ${plain(text).join(' ')}: ${text.slice(0, 160)}`).join(''));
await page.goto(`${base}/system/language`);
await Promise.all([page.waitForNavigation(), page.locator('form[action="/system/language/english"] button').click()]);
check('and English comes back once more', (await way()).join() === 'en,', (await way()).join());
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
await finish();
