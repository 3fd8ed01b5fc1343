// Another language: the texts are saved, a file that translates some of them is brought, pages speak it and are laid out from the right, and English comes back.
import { check, finish, fitsTelephones, logIn, open, overflow, picture } from './kit.mjs';

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
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
await finish();
