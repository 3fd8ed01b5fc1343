// Journeys with apps: the practice class live, an app added, assigned, configured and taken back, an app of the house, the catalogue, app access.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { check, finish, fitsTelephones, logIn, open, overflow, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;

const admin = await open(base);
const { page } = admin;
await logIn(base, page, password);
const text = async (selector = 'main') => (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ');
const until = (pattern, timeout = 60000, selector = 'main') => page.waitForFunction(
  ([selector, source]) => new RegExp(source, 's').test(document.querySelector(selector)?.innerText ?? ''), [selector, pattern.source], { timeout },
).then(() => true, () => false);
const submit = (locator) => Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), locator.click()])
  .then(() => page.waitForLoadState('load'));
const appPath = () => new URL(page.url()).pathname;

console.log('a class of many generations');
await page.goto(`${base}/apps`);
check('four apps are known', await page.locator('table tbody tr').count() === 4, await page.locator('table tbody tr').count());
const at = async (name) => {
  await page.goto(`${base}/apps`);
  await page.locator('table tbody tr a', { hasText: name }).first().click();
  await page.waitForURL(/\/apps\/[0-9a-f-]{36}/);
  return appPath();
};
await at('Field Notes');
check('one app is installed, and its page shows it by itself', await until(/installed, version 4\.2\.0/, 120000, '#results'), await text('#results'));
check('somebody declines it', await until(/declined/, 240000, '#results'), (await text('#results')).slice(0, 400));
await picture(page, 'app');
await at('Sums and More');
check('one is short of licences, by number', await until(/\d+ more licences? of Sums and More (is|are) needed for “Practice”\./, 60000), (await text()).slice(0, 300));
const short = Number((await text()).match(/(\d+) more licences? of Sums and More/)?.[1]);
check('as many devices say that they have none', await until(new RegExp(`${short} no licence`), 90000, '#results'), (await text('#results')).slice(0, 300));
check('devices that cannot have it say why', /Apple TV[\s\S]*There is no version of it for Apple TV\./.test(await page.locator('main').innerText()));
await at('Library Desk');
check('one updates: some had the version before', await until(/updating|installed, version 5\.1/, 120000, '#results'), (await text('#results')).slice(0, 300));
await page.goto(`${base}/`);
check('Today says what is missing', await until(/wait for a licence of Sums and More/, 30000), (await text()).slice(0, 300));
await picture(page, 'today-apps');

console.log('an app that the school owns');
await page.goto(`${base}/system/apps-and-books`);
await picture(page, 'apps-and-books');
const laboratory = page.locator('tr', { hasText: 'Laboratory' });
check('what is owned tells what it runs on', /iPhone and iPad/.test(await laboratory.innerText()), await laboratory.innerText());
await submit(laboratory.locator('button', { hasText: 'Add to apps' }));
await page.waitForURL(/\/apps\/[0-9a-f-]{36}/);
const added = appPath();
check('it has its name at once', await page.locator('h1').innerText() === 'Laboratory', await page.locator('h1').innerText());
await page.goto(`${base}${added}/manage`);
await page.locator('input[name=licence][value=device]').check();
await submit(page.locator('button', { hasText: 'Save how it is managed' }));
await page.goto(`${base}${added}`);
await page.locator('.choice', { hasText: 'Practice' }).locator('input').check();
await page.click('text=Preview');
await page.waitForURL(/\/preview\//);
check('the preview tells by what it is sent', /sent by a (command|declaration)/.test(await text()));
await picture(page, 'app-preview');
await submit(page.locator('button', { hasText: 'Save who gets it' }));
await page.goto(`${base}${added}`);
check('devices come to have it', await until(/installed, version 3\.3\.2/, 150000, '#results'), (await text('#results')).slice(0, 400));
await page.goto(`${base}/system/apps-and-books`);
check('and their licences are in use', await until(/Laboratory[^\n]*\n[\s\S]*?\b[1-9]\d*\b/, 30000));

console.log('what the app itself is to know');
await page.goto(`${base}${added}/manage`);
await page.locator('textarea[name=configuration]').fill('{"server":"https://example.school","name":"$NOBODY"}');
await submit(page.locator('button', { hasText: 'Save the configuration' }));
check('an unknown variable is refused at its field, and what was typed is kept',
  /\$NOBODY/.test(await page.locator('textarea[name=configuration]').inputValue()) && /no variable|\$SERIAL/.test(await text()), (await text()).slice(0, 300));
await page.locator('textarea[name=configuration]').fill('{"server":"https://example.school","device":"$SERIAL"}');
await submit(page.locator('button', { hasText: 'Save the configuration' }));
await page.goto(`${base}${added}`);
check('the configuration is set', /Configuration set/.test(await text()), (await text()).slice(-500));

console.log('it is taken back');
await page.locator('.choice', { hasText: 'Practice' }).locator('input').uncheck();
await page.click('text=Preview');
await page.waitForURL(/\/preview\//);
check('the preview says that it goes', /removed/.test(await text()), (await text()).slice(0, 300));
await submit(page.locator('button', { hasText: 'Save who gets it' }));
check('saving names who loses it first', /Take it back from \d+ devices?/.test(await text()), (await text()).slice(0, 300));
await picture(page, 'app-take-back');
const losing = (await text()).match(/Take it back from (\d+) device/)?.[1];
if (Number(losing) > 1) await page.fill('input[name=typed]', losing);
await submit(page.locator('button[name=confirmed]'));
await page.goto(`${base}/system/apps-and-books`);
check('its licences come back by themselves', await until(/Laboratory[\s\S]*?100\s+0\s+100/, 120000), (await page.locator('tr', { hasText: 'Laboratory' }).innerText()));

console.log('an app of the house');
const ipa = `${process.cwd()}/field.ipa`;
execFileSync('python3', ['-c', `
import plistlib, sys, zipfile
facts = {"CFBundleIdentifier": "school.example.house", "CFBundleName": "House Rules", "CFBundleDisplayName": "House Rules", "CFBundleVersion": "7",
         "CFBundleShortVersionString": "1.4", "MinimumOSVersion": "12.0", "CFBundleSupportedPlatforms": ["iPhoneOS"], "UIDeviceFamily": [1, 2],
         "CFBundleExecutable": "House", "CFBundlePackageType": "APPL"}
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("Payload/House.app/Info.plist", plistlib.dumps(facts, fmt=plistlib.FMT_BINARY))
    archive.writestr("Payload/House.app/House", b"\\0" * 500000)
`, ipa]);
await page.goto(`${base}/own-apps/new`);
writeFileSync('notes.ipa', 'this is no app');
await page.setInputFiles('input[name=file]', 'notes.ipa');
await page.click('main form button[type=submit]');
check('a file that is no app is refused in words', await until(/archive|ZIP|\.ipa/i, 20000, '[role=alert], .error'), (await text()).slice(0, 300));
await picture(page, 'own-app-refused');
await page.goto(`${base}/own-apps/new`);
await page.setInputFiles('input[name=file]', ipa);
await page.click('main form button[type=submit]');
await page.waitForURL(/\/own-apps\/(versions\/)?[0-9a-f-]{36}/, { timeout: 30000 });
check('what is inside is read from the file', /House Rules/.test(await text()) && /1\.4/.test(await text()), (await text()).slice(0, 400));
await picture(page, 'own-app');
await page.goto(`${base}/own-apps`);
check('it stands in the list', /House Rules/.test(await text()));
const house = (await page.locator('tr a', { hasText: 'House Rules' }).first().getAttribute('href')).match(/[0-9a-f-]{36}/)[0];

console.log('the catalogue of one device');
await page.goto(`${base}/devices?search=iPad`);
const device = (await page.locator('table tbody tr a[href^="/devices/"]').first().getAttribute('href')).match(/\/devices\/[0-9a-f-]{36}/)[0];
await page.goto(`${base}${device}/catalog`);
const address = await page.locator('input[readonly]').first().inputValue();
check('its link can be given by hand', /\/catalog\//.test(address), address);
await picture(page, 'catalog-link');
const person = await open(base, { javaScriptEnabled: false, viewport: { width: 768, height: 1024 } });
const shelf = new URL(address);
await person.page.goto(`${base}${shelf.pathname}`);
const offered = await person.page.locator('body').innerText();
check('the person sees what this device may have, without JavaScript', /Atlas of the World/.test(offered), offered.slice(0, 300));
check('and no link to a package', !/\.ipa|\.pkg|itms|manifest/.test(await person.page.content()));
await picture(person.page, 'catalog');
await person.page.locator('button', { hasText: 'Install Atlas' }).click();
check('tapping Install asks for it', !(await person.page.locator('button', { hasText: 'Install Atlas' }).count()), (await person.page.locator('body').innerText()).slice(0, 300));
await page.goto(`${base}${device}/apps`);
check('and the server sends the managed install', await until(/Atlas of the World[\s\S]{0,200}?(installed|installing|asks the person|waits to be sent|declined)/, 60000), (await text()).slice(0, 500));
const forged = shelf.pathname.slice(0, -2) + (shelf.pathname.endsWith('AA') ? 'BB' : 'AA');
const refused = await person.page.goto(`${base}${forged}`);
check('a link that was tampered with shows nothing', refused.status() >= 400 && !/Atlas/.test(await person.page.locator('body').innerText()), refused.status());
await person.context.close();

console.log('who may use an app of the house');
await page.goto(`${base}/apps/${house}/access`);
check('a policy can be made', await page.locator('main form').count() > 0);
await picture(page, 'access');
await submit(page.locator('main form button.main').first());
check('and is kept', await until(/saved|Saved|who may/i, 10000), (await text()).slice(0, 300));
await page.goto(`${base}/docs/access`);
check('how an app asks is written down', /\/access\/v1\/grant/.test(await page.locator('body').innerText()));

console.log('provisioning profiles');
await page.goto(`${base}/provisioning/new`);
await page.setInputFiles('input[name=file]', { name: 'x.mobileprovision', mimeType: 'application/octet-stream', buffer: Buffer.from('nothing of the sort') });
await submit(page.locator('main form button[type=submit]').first());
check('a wrong file is refused in words', await page.locator('[role=alert], .error').count() > 0, (await text()).slice(0, 200));

console.log('every page of apps at telephone width, light and dark');
await fitsTelephones(base, await admin.context.cookies(), ['/apps', '/apps/new', added, `${added}/manage`, `${added}/delete`, '/own-apps', '/own-apps/new', `/own-apps/${house}`,
  `/apps/${house}`, `/apps/${house}/access`, '/provisioning', '/provisioning/new', '/system/apps-and-books', '/system/catalog', `${device}/apps`, `${device}/catalog`, '/docs/access']);
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
check('pictures were made', readFileSync('app.png').length > 0 && await overflow(page) <= 0);
await finish();
