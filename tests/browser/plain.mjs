// Files that are dropped on the wrong page, with and without JavaScript; and what else forms do without it: filters, sorting, actions on several devices,
// a rule that is built, a table of people, a profile and an app that are uploaded.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { check, finish, logIn, open, overflow, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;
const ipa = (identifier, file) => execFileSync('python3', ['-c', `
import plistlib, sys, zipfile
facts = {"CFBundleIdentifier": sys.argv[2], "CFBundleName": "Plain", "CFBundleDisplayName": "Plain", "CFBundleVersion": "3", "CFBundleShortVersionString": "1.2",
         "MinimumOSVersion": "12.0", "CFBundleSupportedPlatforms": ["iPhoneOS"], "UIDeviceFamily": [1, 2], "CFBundleExecutable": "Plain", "CFBundlePackageType": "APPL"}
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("Payload/Plain.app/Info.plist", plistlib.dumps(facts, fmt=plistlib.FMT_BINARY))
    archive.writestr("Payload/Plain.app/Plain", b"\\0" * 50000)
`, file, identifier]);
ipa('school.example.plain', 'plain.ipa');
const profile = `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>school.example.plain</string>
<key>PayloadUUID</key><string>7A1B0C7E-2222-4000-8000-000000000001</string><key>PayloadDisplayName</key><string>Plain web clip</string>
<key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.applicationaccess</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>school.example.plain.r</string><key>PayloadUUID</key><string>7A1B0C7E-3333-4000-8000-000000000001</string>
<key>allowCamera</key><true/></dict></array></dict></plist>`;
const token = Buffer.from(JSON.stringify({ token: 'AAAA', expDate: '2031-01-01T00:00:00+0000', orgName: 'Example School' })).toString('base64');

// Each page that takes files, its field, and files that belong on another one: name, content, what it is called, where it leads.
const files = {
  token: ['school.vpptoken', token, /content token of Apps and Books/, '/system/apps-and-books'],
  server: ['school_smime.p7m', 'Content-Type: application/pkcs7-mime; name="smime.p7m"\n\nMIAGCSqG', /server token of Automated Device Enrollment/, '/system/device-list'],
  profile: ['wifi.mobileconfig', profile, /configuration profile/, '/profiles/new'],
  package: ['field.pkg', 'xar!\0\x1c', /installer package for Macs/, '/own-apps/new'],
  app: ['plain.ipa', readFileSync('plain.ipa'), /an app \(\.ipa\)/, '/own-apps/new'],
  table: ['people.csv', 'name,class\nKim,7a\nPat,7b\n', /a table \(CSV\)/, '/people/import'],
};
const pages = [
  ['/profiles/new', 'file', ['token', 'server', 'package', 'app', 'table']],
  ['/provisioning/new', 'file', ['token', 'profile', 'app']],
  ['/own-apps/new', 'file', ['token', 'server', 'profile', 'table']],
  ['/people/import', 'files', ['token', 'server', 'profile', 'package', 'app']],
  ['/system/apps-and-books', 'file', ['server', 'profile', 'package', 'table']],
];

const admin = await open(base);
await logIn(base, admin.page, password);
await admin.page.waitForURL(`${base}/`);
const cookies = await admin.context.cookies();
const plain = await open(base, { javaScriptEnabled: false });
await plain.context.addCookies(cookies);
for (const [how, { page }] of [['with JavaScript', admin], ['without JavaScript', plain]]) {
  console.log(`files on the wrong page, ${how}`);
  for (const [path, field, brought] of pages) {
    for (const key of brought) {
      const [name, content, words, way] = files[key];
      await page.goto(base + path);
      const form = page.locator('form', { has: page.locator(`input[name=${field}][type=file]`) }).first();
      await form.locator(`input[name=${field}]`).setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) });
      await form.locator('button[type=submit]').first().click();
      const told = page.locator('p.error', { has: page.locator(`a[href="${way}"]`) }).first();
      await told.waitFor({ timeout: 15000 }).catch(() => {});
      const said = await told.innerText({ timeout: 1000 }).catch(() => page.locator('main').innerText());
      check(`${name} on ${path} is named and leads to ${way}`, words.test(said) && await told.count() === 1, said.slice(0, 400));
    }
  }
}
await picture(admin.page, 'file-elsewhere');
check('what it says fits', await overflow(admin.page) <= 0);

const { page } = plain;
const text = () => page.locator('main').innerText();
const rows = () => page.locator('table tbody tr').count();
console.log('lists without JavaScript');
await page.goto(`${base}/devices`);
const all = await rows();
const filters = page.locator('form.filters');
await filters.locator('select[name=platform]').selectOption('macos');
await filters.locator('button').first().click();
const macs = await rows();
check('a filter is chosen and shown', macs > 0 && macs < all && /platform=macos/.test(page.url()), page.url());
await page.locator('thead a', { hasText: 'Serial number' }).first().click();
check('a list is sorted under its filter', await rows() === macs && /sort=/.test(page.url()) && /platform=macos/.test(page.url()), page.url());
await page.locator('.chips a').first().click();
check('a chip keeps the filter', await rows() === macs, page.url());
await filters.locator('input[name=search]').fill('no such device');
await filters.locator('button').first().click();
check('nothing found is said', /No device matches/.test(await text()));

console.log('several devices without JavaScript');
await page.goto(`${base}/devices?platform=macos`);
check('nothing is offered while none is chosen', await page.locator('.selection').isHidden());
for (const number of [0, 1]) await page.locator('tbody .pick input').nth(number).check();
await page.locator('.selection button', { hasText: 'Restart' }).click();
check('both are named on a page that asks', /Restart 2 devices/.test(await page.locator('h1').innerText()) && await page.locator('.names li').count() === 2);
await page.locator('button[name=confirmed]').click();
check('and both are asked', /Restart: asked of 2 devices/.test(await text()), (await text()).slice(0, 300));
await page.goto(`${base}/devices?platform=macos`);
for (const number of [0, 1]) await page.locator('tbody .pick input').nth(number).check();
await page.locator('.selection button', { hasText: 'Erase' }).click();
check('what destroys asks for the count', /Type 2 to go on/.test(await text()));
await page.locator('main a', { hasText: 'Cancel' }).click();
check('and can be left', new URL(page.url()).pathname === '/devices');
await page.goto(`${base}/devices?platform=macos`);
for (const number of [0, 1]) await page.locator('tbody .pick input').nth(number).check();
await page.locator('.selection button', { hasText: 'Put into a group' }).click();
await page.fill('input[name=new]', 'Macs on trial');
await page.locator('button[name=confirmed]').click();
await page.goto(`${base}/groups`);
await page.locator('tbody a', { hasText: 'Macs on trial' }).click();
check('a group is made of them', await rows() >= 2 && /2 devices/.test(await text()), (await text()).slice(0, 200));

console.log('a rule without JavaScript');
await page.goto(`${base}/groups/new?by=rule`);
await page.fill('input[name=name]', 'Plain Macs');
await page.selectOption('select[name=what-0]', 'platform');
await page.locator('button', { hasText: 'Count the devices' }).click();
await page.selectOption('select[name=value-0]', 'macos');
await page.locator('button', { hasText: 'Add a condition' }).click();
check('a condition more, and nothing typed is lost', await page.locator('select[name=what-1]').count() === 1 && await page.inputValue('input[name=name]') === 'Plain Macs'
  && await page.inputValue('select[name=value-0]') === 'macos');
await page.locator('button', { hasText: 'Make the group' }).click();
check('the group is made', /\/groups\/[0-9a-f-]{36}/.test(page.url()) && (await text()).includes(`${macs} devices`), (await text()).slice(0, 200));

console.log('uploads without JavaScript');
const bring = async (path, field, name, content) => {
  await page.goto(base + path);
  const form = page.locator('form', { has: page.locator(`input[name=${field}][type=file]`) }).first();
  await form.locator(`input[name=${field}]`).setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) });
  await form.locator('button[type=submit]').first().click();
};
await bring('/people/import', 'files', 'people.csv', 'name,email,class\nPlain Example,plain@example.school,9z\n');
check('a table of people is looked at first', /\/people\/import\/.+/.test(page.url()) && /1 person|1 people/.test(await text()), (await text()).slice(0, 300));
await page.locator('main form button[type=submit]').last().click();
check('then they are there', /Imported: 1 person added/.test(await text()), (await text()).slice(0, 300));
await bring('/profiles/new', 'file', 'plain.mobileconfig', profile);
check('a profile is kept', /\/profiles\/[0-9a-f-]{36}/.test(page.url()) && /The profile is kept/.test(await text()), (await text()).slice(0, 300));
await bring('/own-apps/new', 'file', 'plain.ipa', readFileSync('plain.ipa'));
check('an app is kept', /\/own-apps\/versions\/[0-9a-f-]{36}/.test(page.url()) && /It is kept/.test(await text()), (await text()).slice(0, 300));
await page.locator('button:visible', { hasText: 'Log out' }).click();
await page.goto(`${base}/devices`);
check('after logging out the log-in is asked', page.url().includes('/login'));
check('no complaint from the browser', admin.complaints.concat(plain.complaints).length === 0, admin.complaints.concat(plain.complaints).join('; '));
await finish();
