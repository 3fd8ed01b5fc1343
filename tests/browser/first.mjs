// From nothing to the first app: the set-up link, a password, the address that tries itself, wrong files at the push page, a certificate, a device that
// comes in while one looks on, and an app that it says is there.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { judge } from './judge.mjs';
import { check, finish, open, overflow, picture } from './kit.mjs';

const [, , link, rollcall] = process.argv;
const base = new URL(link).origin;
const PASSWORD = 'three words for trial';
const options = { ignoreHTTPSErrors: true };

for (const colorScheme of ['light', 'dark']) {
  const looked = await open(base, { ...options, colorScheme });
  await looked.page.goto(link);
  await judge(looked.page, `the set-up link (${colorScheme})`);
  await looked.page.click('a:has-text("Restore a backup")');
  await judge(looked.page, `restoring instead (${colorScheme})`);
  await looked.context.close();
}

console.log('the link, without JavaScript');
const plain = await open(base, { ...options, javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
await plain.page.goto(link);
await plain.page.fill('input[name=organisation]', 'Example School');
await plain.page.fill('input[name=name]', 'ada');
await plain.page.fill('input[name=password]', 'short');
await plain.page.click('button:has-text("Begin")');
check('a password that is too short is told, and nothing else is lost', await plain.page.inputValue('input[name=organisation]') === 'Example School'
  && await plain.page.inputValue('input[name=name]') === 'ada' && await plain.page.locator('.error').count() > 0);
await plain.page.fill('input[name=password]', PASSWORD);
await plain.page.click('button:has-text("Begin")');
await plain.page.waitForURL(`${base}/setup/steps`);
const now = (page) => page.locator('main').innerText().then((text) => text.match(/now:\s*([^\n]+)/)?.[1]);
check('one is led on to the steps, the address first', await now(plain.page) === 'Address', await now(plain.page));
check('a second factor is offered', await plain.page.locator('a[href="/account/second-factor"]').count() === 1);
await plain.page.click('button:has-text("Try whether it answers there")');
await plain.page.waitForURL(/\/setup\/steps/);
check('the appliance reaches itself at its address', /This machine reached itself there/.test(await plain.page.locator('main').innerText()), (await plain.page.locator('main').innerText()).slice(0, 600));
check('and says that no device does', /is for this machine alone/.test(await plain.page.locator('main').innerText()));
await plain.page.click('button:has-text("Go on with it, to try out")');
check('it fits a telephone', await overflow(plain.page) <= 0, await overflow(plain.page));
await plain.context.close();

console.log('leave and come back, with JavaScript');
const admin = await open(base, options);
const { page } = admin;
await page.goto(`${base}/login`);
await page.fill('input[name=name]', 'ada');
await page.fill('input[name=password]', PASSWORD);
await page.click('form button[type=submit]');
await page.waitForURL(`${base}/`);
await page.goto(`${base}/setup`);
check('it goes on where one was', await now(page) === 'Try it with practice devices', await now(page));
await picture(page, 'set-up');
await judge(page, 'set-up that has begun');
await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), page.click('button:has-text("Skip")')]);
await page.waitForLoadState('load');
await page.goto(`${base}/setup`);
check('practice devices may be left out', await now(page) === 'Push certificate', await now(page));

console.log('every wrong file has a name');
const bring = async (name, buffer) => {
  await page.goto(`${base}/system/push`);
  await page.setInputFiles('input[name=certificate]', { name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) });
  await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), page.click('text=Upload and check')]);
  await page.waitForSelector('[role=alert]');
  return page.locator('[role=alert]').first().innerText();
};
const token = Buffer.from(JSON.stringify({ token: 'AAAA', expDate: '2031-01-01T00:00:00+0000', orgName: 'Example School' })).toString('base64');
for (const [name, file, words, way] of [
  ['school.vpptoken', token, /content token of Apps and Books/, '/system/apps-and-books'],
  ['school_smime.p7m', 'Content-Type: application/pkcs7-mime; name="smime.p7m"\n\nMIAGCSqG', /server token of Automated Device Enrollment/, '/system/device-list'],
  ['wifi.mobileconfig', '<?xml version="1.0"?><plist version="1.0"><dict><key>PayloadContent</key><array/></dict></plist>', /configuration profile/, '/profiles/new'],
  ['people.csv', 'name,class\nKim,7a\nPat,7b\n', /a table/, '/people/import'],
  ['letter.pdf', '%PDF-1.7\n', /a PDF document/, null],
]) {
  const told = await bring(name, file);
  check(`${name} is named, with where it belongs`, words.test(told) && /Nothing was replaced/.test(told) && told.includes(name)
    && (way === null || await page.locator(`[role=alert] a[href="${way}"]`).count() === 1), told);
}
await picture(page, 'push-wrong-file');
await judge(page, 'a wrong file at the push certificate');
execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'push.key', '-out', 'push.pem', '-days', '300',
  '-subj', '/UID=com.apple.mgmt.External.11111111-2222-4333-8444-555555555555/CN=APSP:1/C=US', '-addext', 'extendedKeyUsage=clientAuth'], { stdio: 'ignore' });
await page.goto(`${base}/system/push`);
await page.locator('#pasted > summary').click();
await page.fill('textarea[name=text]', readFileSync('push.pem', 'utf8') + readFileSync('push.key', 'utf8'));
await page.click('text=Upload and check');
await page.waitForFunction(() => /in use/.test(document.querySelector('main')?.innerText ?? ''), null, { timeout: 15000 }).catch(() => {});
check('a pasted certificate is in use', /The push certificate is in use/.test(await page.locator('body').innerText()), (await page.locator('main').innerText()).slice(0, 300));

console.log('the first device');
await page.goto(`${base}/setup`);
check('the device is next', await now(page) === 'First device', await now(page));
await page.click('main >> text=Invite a device');
await page.waitForURL(`${base}/invitations/new`);
await page.fill('input[name=name]', 'The first iPad');
await page.locator('main form button').first().click();
await page.waitForURL(/\/invitations\/[0-9A-Z]+$/);
const code = page.url().split('/').pop();
await page.goto(`${base}/setup/steps`);
check('its code is drawn, and it is waited for', await page.locator('main svg').count() > 0 && /Waiting for a device to open it/.test(await page.locator('main').innerText()));
await picture(page, 'set-up-first-device');
await judge(page, 'set-up that waits for a device');
const profile = await page.request.get(`${base}/enroll/${code}/profile`);
writeFileSync('enroll.mobileconfig', await profile.body());
const device = spawn(rollcall, ['simulate', '--profile', 'enroll.mobileconfig', '--devices', '1', '--model', 'ipad@18', '--poll', '2s', '--for', '3m'], { stdio: 'ignore' });
const until = (pattern, timeout = 60000) => page.waitForFunction((source) => new RegExp(source, 's').test(document.querySelector('main')?.innerText ?? ''), pattern.source, { timeout })
  .then(() => true, () => false);
check('it comes in while one looks on, without a reload', await until(/1 device enrolled/), (await page.locator('main').innerText()).slice(0, 600));
check('and the app is next', await now(page) === 'First app', await now(page));

console.log('the first app');
await page.goto(`${base}/devices`);
const serial = (await page.locator('main').innerText()).match(/TESTSN\w+/)?.[0];
await page.goto(`${base}/groups/new`);
await page.fill('input[name=name]', 'Cart A');
await page.click('main form button[type=submit]:has-text("group")');
await page.waitForURL(/\/groups\/[0-9a-f-]{36}/);
await page.locator('textarea[name=devices]').fill(serial ?? '');
await page.click('text=Put them in');
await page.waitForLoadState('load');
await page.goto(`${base}/setup/steps`);
check('apps of the App Store are one way', await page.locator('a[href="/apps/new"]').count() === 1);
const ipa = `${process.cwd()}/first.ipa`;
execFileSync('python3', ['-c', `
import plistlib, sys, zipfile
facts = {"CFBundleIdentifier": "school.example.first", "CFBundleName": "House Rules", "CFBundleDisplayName": "House Rules", "CFBundleVersion": "7",
         "CFBundleShortVersionString": "1.4", "MinimumOSVersion": "12.0", "CFBundleSupportedPlatforms": ["iPhoneOS"], "UIDeviceFamily": [1, 2],
         "CFBundleExecutable": "House", "CFBundlePackageType": "APPL"}
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("Payload/House.app/Info.plist", plistlib.dumps(facts, fmt=plistlib.FMT_BINARY))
    archive.writestr("Payload/House.app/House", b"\\0" * 500000)
`, ipa]);
await page.click('text=Upload one of your own');
await page.waitForURL(`${base}/own-apps/new`);
await page.setInputFiles('input[name=file]', ipa);
await page.click('main form button[type=submit]');
await page.waitForURL(/\/own-apps\/(versions\/)?[0-9a-f-]{36}/, { timeout: 30000 });
await page.goto(`${base}/own-apps`);
const app = `/apps/${(await page.locator('tr a', { hasText: 'House Rules' }).first().getAttribute('href')).match(/[0-9a-f-]{36}/)[0]}`;
await page.goto(`${base}/setup/steps`);
check('an app that nobody has is not the end', /given to no device of yours yet/.test(await page.locator('main').innerText()));
await page.goto(`${base}${app}`);
await page.locator('.choice', { hasText: 'Cart A' }).locator('input').check();
await page.click('text=Preview');
await page.waitForURL(/\/preview\//);
await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), page.locator('button', { hasText: 'Save who gets it' }).click()]);
await page.waitForLoadState('load');
await page.goto(`${base}/setup/steps`);
check('it is there, as the device says, without a reload', await until(/1 of 1 installed/, 120000), (await page.locator('main').innerText()).slice(0, 900));
await picture(page, 'set-up-done');
await judge(page, 'set-up that is done');
device.kill();
check('the rest is for when there is time', /Everything needed is done/.test(await page.locator('main').innerText()) || (await page.reload(), /Everything needed is done/.test(await page.locator('main').innerText())));
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
await finish();
