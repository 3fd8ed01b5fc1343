// Journeys through the page: first run, devices live, a deed that asks first, an invitation, log-out and log-in; with and without JavaScript.
import { readFileSync } from 'node:fs';
import { check, finish, fitsTelephones, logIn, open, overflow, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;

console.log('first run');
const first = await open(base);
await first.page.goto(link);
await first.page.waitForURL(`${base}/`);
check('the link logs in at once', await first.page.locator('h1').innerText() === 'Today');
const again = await open(base);
await again.page.goto(link);
check('and works once', /used already/.test(await again.page.locator('[role=alert]').innerText()));
await again.context.close();

console.log('devices come by themselves');
await first.page.waitForFunction(() => /25\s*devices/.test(document.body.innerText), null, { timeout: 60000 });
check('25 devices stand on Today without a reload', true);
await picture(first.page, 'today');
await first.page.goto(`${base}/devices`);
check('the table lists them', await first.page.locator('table tbody tr').count() === 25, await first.page.locator('table tbody tr').count());
await picture(first.page, 'devices');
await first.page.goto(`${base}/devices?platform=macos`);
const macs = await first.page.locator('table tbody tr').count();
check('a filter narrows it', macs > 0 && macs < 25, macs);
await first.page.goto(`${base}/devices?search=no+such+device`);
check('an empty result says so', /no device|nothing/i.test(await first.page.locator('main').innerText()));
await first.page.goto(`${base}/devices?sort=-serial`);
check('a sort order is an address', await first.page.locator('table tbody tr').count() === 25);

console.log('chips are live');
await first.page.goto(`${base}/devices?state=waiting`);
const chip = (words) => first.page.locator('.chips a', { hasText: words }).locator('.n').innerText();
check('every chip counts, whatever chip is chosen', await chip('All') === '25', await chip('All'));
// A device that is restarted is locked, and puts off whatever it has not answered before. Some wait all the time for an app that is short of licences.
const REST = /in touch|cannot be had yet/;
const atRest = () => {
  const rows = [...document.querySelectorAll('tbody tr')];
  const [, ok, waiting] = /ok (\d+) waiting (\d+)/.exec(document.querySelector('.chips').innerText.replace(/\s+/g, ' ')) ?? [];
  const short = rows.filter((row) => /cannot be had yet/.test(row.innerText)).length;
  return rows.length === 25 && rows.every((row) => /in touch|cannot be had yet/.test(row.innerText)) && Number(ok) + short === 25 && Number(waiting) === short;
};
await first.page.goto(`${base}/devices`);
await first.page.waitForFunction(atRest, null, { timeout: 60000 });
check('the chips come to rest by themselves', true);
await first.page.goto(`${base}/devices?platform=ios`);
await first.page.locator('tbody .pick input').last().check();
await first.page.locator('.selection button', { hasText: 'Restart' }).click();
await first.page.waitForSelector('dialog form#confirm');
await Promise.all([first.page.waitForURL(`${base}/devices`), first.page.locator('dialog button[name=confirmed]').click()]);
check('what was asked is confirmed in words', /Restart: asked of 1 device\./.test(await first.page.locator('[role=status].banner').innerText()));
await first.page.reload();
check('and not again by a reload', await first.page.locator('[role=status].banner').count() === 0);
await first.page.goto(`${base}/devices`);
await first.page.waitForFunction(atRest, null, { timeout: 60000 });
check('once it is done, the chips say so by themselves, as the rows do', await first.page.locator('tbody tr', { hasText: REST }).count() === 25);

console.log('a Mac’s security');
await first.page.goto(`${base}/devices?platform=macos`);
const mac = await first.page.locator('table tbody tr a[href^="/devices/"]').first().evaluate((link) => link.href);
for (const [width, height] of [[1280, 800], [390, 844]]) {
  await first.page.setViewportSize({ width, height });
  await first.page.goto(`${mac}/security`);
  check(`facts stand within the page at ${width} pixels`, await overflow(first.page) <= 0 && /Secure boot/.test(await first.page.locator('main').innerText()), await overflow(first.page));
  const beside = await first.page.evaluate(() => {
    const table = document.querySelector('#device table').getBoundingClientRect();
    const aside = document.querySelector('aside').getBoundingClientRect();
    return table.right <= aside.left || table.bottom <= aside.top;
  });
  check('and run over nothing beside them', beside);
  await picture(first.page, `mac-security-${width}`);
}
await first.page.setViewportSize({ width: 1280, height: 800 });
await first.page.goto(`${mac}/reports`);
await first.page.locator('summary', { hasText: 'The answer' }).first().click();
check('a report can be read', /<plist/.test(await first.page.locator('details[open] pre').first().innerText()));

console.log('one device');
await first.page.goto(`${base}/devices?platform=ios`);
await first.page.locator('table tbody tr a[href^="/devices/"]').first().click();
await first.page.waitForURL(/\/devices\/[0-9a-f-]{36}/);
const device = first.page.url();
check('its timeline says that it enrolled', /Enrolled/.test(await first.page.locator('main').innerText()));
const before = (await first.page.locator('main').innerText()).match(/Said how it is protected/g)?.length ?? 0;
await first.page.click('text=Ask it for news');
await first.page.waitForFunction((before) => (document.body.innerText.match(/Said how it is protected/g)?.length ?? 0) > before, before, { timeout: 30000 });
check('asked for news, it answers, and the page shows it by itself', true);
for (const tab of ['apps', 'profiles', 'certificates', 'security', 'reports']) {
  const answer = await first.page.goto(`${device}/${tab}`);
  check(`its ${tab} are shown`, answer.status() === 200);
}
await first.page.goto(`${device}/actions/lock`);
check('a deed asks first', await first.page.locator('form button[type=submit], form button[name=confirmed]').count() > 0);
await first.page.fill('input[name=message]', 'Please bring it back');
await Promise.all([first.page.waitForURL((url) => url.href.startsWith(`${device}`) && !url.href.includes('/actions/')), first.page.locator('button[name=confirmed]').click()]);
await first.page.waitForFunction(() => /Locked itself/.test(document.body.innerText), null, { timeout: 30000 });
check('and is done', true);
await picture(first.page, 'device');

console.log('a kept secret');
await first.page.goto(`${device}/security`);
const secret = first.page.locator('a', { hasText: 'Show…' }).first();
check('a secret is kept for it', await secret.count() === 1);
await first.page.goto(await secret.evaluate((link) => link.href));
await Promise.all([first.page.waitForLoadState('load'), first.page.locator('button[name=confirmed]').click()]);
check('it is shown to who may see it', (await first.page.locator('input#secret').inputValue()).length > 0);
await first.page.goto(device);
check('and that is recorded', /A secret was shown/.test(await first.page.locator('main').innerText()));

console.log('several devices');
await first.page.goto(`${base}/devices?platform=ios`);
const boxes = first.page.locator('tbody .pick input');
await boxes.nth(0).check();
await boxes.nth(1).check();
check('chosen rows are counted', /2 chosen/.test(await first.page.locator('.selection').innerText()));
await picture(first.page, 'devices-chosen');
const size = first.page.viewportSize();
await first.page.setViewportSize({ width: 375, height: 667 });
const bar = await first.page.locator('.selection').evaluate((bar) => ({ height: bar.offsetHeight, last: bar.lastElementChild.textContent.trim() }));
check('on a telephone the actions take one line, what destroys at its end', bar.height <= 110 && bar.last === 'Erase', JSON.stringify(bar));
await first.page.setViewportSize(size);
await first.page.locator('.selection button', { hasText: 'Restart' }).click();
await first.page.waitForSelector('dialog form#confirm');
check('both are named before', await first.page.locator('dialog .names li').count() === 2);
await picture(first.page, 'devices-confirm');
await Promise.all([first.page.waitForURL(`${base}/devices`), first.page.locator('dialog button[name=confirmed]').click()]);
await first.page.goto(`${base}/devices`);
const everything = first.page.locator('input[data-choose-all]');
await everything.check();
await first.page.locator('.selection button', { hasText: 'Erase' }).click();
await first.page.waitForSelector('dialog form#confirm');
check('what destroys asks for the count', /Type 25/.test(await first.page.locator('dialog').innerText()));
await first.page.evaluate(() => document.querySelectorAll('form').forEach((form) => { form.noValidate = true; }));
await first.page.fill('dialog input[name=typed]', '24');
await Promise.all([first.page.waitForLoadState('load'), first.page.locator('dialog button[name=confirmed]').click()]);
await first.page.waitForSelector('text=That is not the number.');
check('the wrong number destroys nothing', true);
await first.page.goto(`${base}/devices`);
await everything.check();
await first.page.locator('.selection button', { hasText: 'Lost Mode' }).first().click();
await first.page.waitForSelector('dialog form#confirm');
await first.page.fill('dialog input[name=message]', 'Please bring it back');
await Promise.all([first.page.waitForLoadState('load'), first.page.locator('dialog button[name=confirmed]').click()]);
await first.page.waitForSelector('text=Nothing changed for these');
check('devices that cannot have it are named with the reason', /Lost Mode: \d+ of 25 devices/.test(await first.page.locator('main').innerText()),
  (await first.page.locator('main').innerText()).slice(0, 200));
await picture(first.page, 'devices-refused');

console.log('an invitation');
await first.page.goto(`${base}/invitations/new`);
await first.page.fill('input[name=name]', 'Cart A with a name that is long enough to wrap on a telephone');
await first.page.fill('input[name=days]', '0');
await first.page.evaluate(() => document.querySelectorAll('form').forEach((form) => { form.noValidate = true; }));
await first.page.locator('main form button').first().click();
check('a wrong number is named, and what was typed is kept',
  (await first.page.inputValue('input[name=name]')).startsWith('Cart A') && /1 to 365/.test(await first.page.locator('main').innerText()));
await first.page.fill('input[name=days]', '7');
await first.page.locator('main form button').first().click();
await first.page.waitForURL(/\/invitations\/[0-9A-Z]+$/);
check('its code is drawn', await first.page.locator('main svg').count() > 0);
await picture(first.page, 'invitation');
const code = first.page.url().split('/').pop();

console.log('the push certificate');
await first.page.goto(`${base}/system/push`);
await first.page.setInputFiles('input[name=certificate]', { name: 'movie.mov', mimeType: 'video/quicktime', buffer: Buffer.alloc(3 << 20) });
await first.page.click('text=Upload and check');
check('a file that is far too large is named before it is sent', /movie\.mov is far too large/.test(await first.page.locator('form [role=alert]').innerText()));
await first.page.evaluate(() => delete document.querySelector('form[action="/system/push"]').dataset.maxBytes);
await first.page.click('text=Upload and check');
await first.page.waitForFunction(() => /far (too large|larger)|did not arrive/.test(document.querySelector('main')?.innerText ?? ''), null, { timeout: 20000 });
check('and what the appliance says of it is a page', /\S/.test(await first.page.locator('main h1').innerText()));
await first.page.goto(`${base}/system/push`);
await first.page.setInputFiles('input[name=certificate]', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('not a certificate') });
await Promise.all([first.page.waitForResponse((answer) => answer.request().method() === 'POST'), first.page.click('text=Upload and check')]);
await first.page.waitForSelector('[role=alert]');
check('a wrong file is named, and nothing is replaced', /notes\.txt.*Nothing was replaced/s.test(await first.page.locator('[role=alert]').first().innerText()));
await picture(first.page, 'push-refused');
await first.page.locator('#elsewhere > summary').click();
const [download] = await Promise.all([first.page.waitForEvent('download'), first.page.click('text=Make and download the request')]);
const request = readFileSync(await download.path(), 'utf8');
check('the request is made here', request.startsWith('-----BEGIN CERTIFICATE REQUEST-----'), request.slice(0, 60));

console.log('a token');
await first.page.goto(`${base}/system/tokens/new`);
await first.page.fill('input[name=name]', 'nightly export');
await Promise.all([first.page.waitForURL(/\/system\/tokens\/made\//), first.page.click('text=Make the token')]);
check('it is shown', (await first.page.locator('input#token').inputValue()).startsWith('rc_'));
await first.page.reload();
check('once', await first.page.locator('input#token').count() === 0);
await first.page.goto(`${base}/system`);
check('and made once', (await first.page.locator('main').innerText()).match(/nightly export/g).length === 1);
await first.page.goto(`${base}/system/audit`);
check('the audit log says what people did, and to which device', await first.page.locator('.timeline a[href^="/devices/"]').count() > 0
  && !/Woken/.test(await first.page.locator('main').innerText()));
await picture(first.page, 'audit');

console.log('a person at an iPhone');
const iphone = await open(base, {
  viewport: { width: 390, height: 844 },
  userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
});
const answer = await iphone.page.goto(`${base}/enroll/${code}`);
check('without a push certificate the page says why it must wait', answer.status() === 503, answer.status());
check('it fits a telephone', await overflow(iphone.page) <= 0);
await picture(iphone.page, 'enroll-iphone');
await iphone.page.goto(`${base}/trust`);
check('the root is explained', /fingerprint/i.test(await iphone.page.locator('body').innerText()));
check('no complaint from the browser', iphone.complaints.length === 0, iphone.complaints.join('; '));

console.log('practice devices');
const watcher = await first.context.newPage();
await watcher.goto(`${base}/devices`);
const all = () => /All 26/.test(document.querySelector('.chips').innerText.replace(/\s+/g, ' '));
check('another window counts those that are here', !(await watcher.evaluate(all)));
await first.page.goto(`${base}/system/practice`);
await first.page.fill('input[name=devices]', '26');
await Promise.all([first.page.waitForLoadState('load'), first.page.click('text=Set the number')]);
await first.page.waitForFunction(() => /26 of 26/.test(document.body.innerText), null, { timeout: 30000 });
check('one more is wanted, and comes', true);
await watcher.waitForFunction(all, null, { timeout: 30000 });
check('the other window’s chips count it by themselves', true);
await watcher.close();
await picture(first.page, 'practice');

console.log('one policy for a class of many generations');
await first.page.goto(`${base}/policies`);
await first.page.click('text=Start with Managed Open In');
await first.page.locator('main button.main').click();
await first.page.waitForURL(/\/policies\/[^/]+$/);
const policy = new URL(first.page.url()).pathname;
check('a policy says what it does and does not', /Managed documents open only in managed apps/.test(await first.page.locator('main').innerText()));
await first.page.locator('.choice', { hasText: 'Practice' }).locator('input').check();
await first.page.click('text=Preview');
await first.page.waitForURL(/\/preview\//);
const foreseen = await first.page.locator('main').innerText();
check('the preview tells both mechanisms and who does not get it', /sent by a command/.test(foreseen) && /sent by a declaration/.test(foreseen) && /Macs do not have it/.test(foreseen), foreseen.slice(0, 400));
await picture(first.page, 'preview');
await first.page.click('text=Save who gets it');
await first.page.waitForURL(/\/policies\/[^/]+$/);
await first.page.goto(`${base}/devices?search=iPad`);
const tablets = await first.page.locator('table tbody tr a').evaluateAll((links) => [...new Set(links.map((link) => new URL(link.href).pathname).filter((path) => /^\/devices\/[^/]+$/.test(path)))].slice(0, 3));
let having = 0;
for (const tablet of tablets) {
  await first.page.goto(`${base}${tablet}/wanted`);
  // One that is locked puts it off, another one was told to leave before: some have it by now.
  await first.page.waitForFunction(() => /Restrictions[\s\S]*there/.test(document.querySelector('main').innerText), null, { timeout: 8000 }).catch(() => {});
  having += /Restrictions[\s\S]*there/.test(await first.page.locator('main').innerText()) ? 1 : 0;
}
check('iPads come to have it, live', having > 0, `${having} of ${tablets.length}`);
await picture(first.page, 'wanted');

console.log('a group by rule');
await first.page.goto(`${base}/groups/new?by=rule`);
await first.page.fill('input[name=name]', 'Macs');
await first.page.selectOption('select[name=what-0]', 'platform');
// The list of kinds comes by itself, and so does the count.
await first.page.selectOption('select[name=value-0]', 'macos', { timeout: 8000 });
await first.page.locator('#found', { hasText: 'it is a Mac' }).waitFor({ timeout: 8000 }).catch(() => {});
const counted = await first.page.locator('#found').innerText();
check('the rule counts while it is made', new RegExp(`^${macs} devices? of \\d+ now: it is a Mac`).test(counted), counted);
check('and what was typed is kept', await first.page.inputValue('input[name=name]') === 'Macs');
await picture(first.page, 'group-rule');
await first.page.click('text=Add a condition');
await first.page.selectOption('select[name=not-1]', '1');
await first.page.selectOption('select[name=what-1]', 'role');
await first.page.click('text=Count the devices');
await first.page.selectOption('select[name=value-1]', 'teacher');
await first.page.click('text=Count the devices');
check('nobody is no teacher: devices of nobody are not found, and it says how they are',
  /^0 devices/.test(await first.page.locator('[role=status]').last().innerText()) && /belongs to nobody/.test(await first.page.locator('main').innerText()),
  await first.page.locator('[role=status]').last().innerText());
await first.page.selectOption('select[name=what-1]', '');
await first.page.click('text=Make the group');
await first.page.waitForURL(/\/groups\/[^/?]+(\?.*)?$/);
check('the group has the devices that were counted', (await first.page.locator('main').innerText()).includes(`${macs} device`));
const group = new URL(first.page.url()).pathname;
await picture(first.page, 'group');

console.log('people come from a table, once it was looked at');
const table = 'name,email,role,class,serial\nKim Example,kim@example.school,student,7b,NONE0001\nLee \u202Eelpmaxe,lee@example.school,teacher,7b,\n';
await first.page.goto(`${base}/people/import`);
await first.page.setInputFiles('input[name=files]', { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
await first.page.click('text=Show what it would change');
await first.page.waitForURL(/\/people\/import\/.+/);
const shown = await first.page.locator('main').innerText();
check('what it would change is shown first', /2 people/.test(shown) && /Kim Example/.test(shown) && /1 serial number is of no device/.test(shown), shown.slice(0, 500));
await picture(first.page, 'people-preview');
await first.page.locator('main form button[type=submit]').last().click();
await first.page.waitForURL(/\/people(\?.*)?$/);
check('then they are there', /Kim Example/.test(await first.page.locator('main').innerText()));
await picture(first.page, 'people');

console.log('a profile, its next version, and what it gets in the way of');
const profile = (camera, more = '') => Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>school.example.camera</string>
<key>PayloadUUID</key><string>7A1B0C7E-0000-4000-8000-00000000000${camera ? 1 : 2}</string><key>PayloadDisplayName</key><string>Camera in lessons</string>${more}
<key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.applicationaccess</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>school.example.camera.r</string><key>PayloadUUID</key><string>7A1B0C7E-1111-4000-8000-000000000001</string>
<key>allowOpenFromManagedToUnmanaged</key><${camera}/><key>allowCamera</key><${camera}/></dict></array></dict></plist>`);
const bring = async (path, content) => {
  await first.page.goto(`${base}${path}`);
  await first.page.setInputFiles('input[name=file]', { name: 'camera.mobileconfig', mimeType: 'application/x-apple-aspen-config', buffer: content });
  await Promise.all([first.page.waitForResponse((answer) => answer.request().method() === 'POST'), first.page.click('text=Upload and check')]);
  await first.page.waitForLoadState('load');
};
await bring('/profiles/new', profile(true, '<key>DurationUntilRemoval</key><integer>0</integer>'));
check('one that devices would remove at once is refused in words', /DurationUntilRemoval/.test(await first.page.locator('[role=alert], .error').first().innerText()));
await picture(first.page, 'profile-refused');
await bring('/profiles/new', profile(true));
await first.page.waitForURL(/\/profiles\/(?!new)[^/?]+/);
const library = first.page.url().match(/\/profiles\/[^/?]+/)[0];
await bring(`${library}/upload`, profile(false));
await first.page.waitForSelector('text=What differs');
const difference = await first.page.locator('main').innerText();
check('the next version is shown with what differs before it is used', /allowCamera/.test(difference), difference.slice(0, 400));
await picture(first.page, 'profile-diff');
await first.page.locator('main form button.main').first().click();
await first.page.waitForURL(new RegExp(`${library}(\\?.*)?$`));
await first.page.locator('.choice', { hasText: 'Practice' }).locator('input').check();
await first.page.click('text=Save who gets it');
await first.page.waitForSelector('text=gets in the way of something else');
check('that a policy sets the same is asked first', /the policy “Managed Open In”/.test(await first.page.locator('main').innerText()));
await picture(first.page, 'profile-asked');
await first.page.click('text=Assign it all the same');
await first.page.waitForURL(new RegExp(`${library}(\\?.*)?$`));
check('and stands on its page', /the policy “Managed Open In”/.test(await first.page.locator('main').innerText()));
await first.page.waitForFunction(() => /installed/.test(document.querySelector('#results').innerText), null, { timeout: 20000 }).catch(() => {});
check('devices come to have it, live', /installed/.test(await first.page.locator('#results').innerText()), (await first.page.locator('#results').innerText()).slice(0, 300));
await picture(first.page, 'profile');
await first.page.goto(`${base}${policy}`);
check('as it does on the policy’s', /the profile “Camera in lessons”/.test(await first.page.locator('main').innerText()));
await first.page.goto(`${base}${new URL(device).pathname}/wanted`);
await first.page.click('text=What all its policies come to on it');
check('a device’s page leads to what its policies come to', first.page.url().includes('/policies/devices/'));
await picture(first.page, 'device-policies');

console.log('every page at telephone width, light and dark');
const cookies = await first.context.cookies();
await fitsTelephones(base, cookies, ['/', '/devices', new URL(device).pathname, '/invitations', `/invitations/${code}`, '/invitations/new', '/system', '/system/push', '/system/practice', '/system/audit', '/system/doctor', '/system/connections', '/system/admins/new', '/system/tokens/new', '/groups', '/groups/new', '/people', '/classes', '/people/import', '/profiles', '/policies', '/policies/new?start=open-in', policy, group, library, `${library}/versions/1`, '/groups/new?by=rule', '/people/import', '/declarations', `${new URL(device).pathname}/wanted`]);
for (const colorScheme of ['light', 'dark']) {
  const phone = await open(base, { viewport: { width: 390, height: 844 }, colorScheme });
  await phone.context.addCookies(cookies);
  await phone.page.goto(`${base}/`);
  const bar = await phone.page.evaluate(() => [...document.querySelectorAll('.rail nav > ul:not(.rest) > li, .more-button')].map((place) => [place.innerText.trim(), Math.round(place.getBoundingClientRect().width)]));
  check(`the bar’s places are equally wide and the rest is one of them (${colorScheme})`, bar.some(([name]) => name === 'More') && new Set(bar.map(([, width]) => width)).size <= 2
    && Math.max(...bar.map(([, width]) => width)) - Math.min(...bar.map(([, width]) => width)) <= 1, JSON.stringify(bar));
  await phone.page.goto(`${base}/devices`);
  await phone.page.locator('tbody .pick input').first().check();
  check(`actions for chosen rows fit (${colorScheme})`, await overflow(phone.page) <= 0);
  await picture(phone.page, `devices-chosen-phone-${colorScheme}`);
  await phone.page.goto(device);
  await picture(phone.page, `device-phone-${colorScheme}`);
  await phone.page.goto(`${device}/reports`);
  const chosen = await phone.page.locator('.tabs [aria-current]').boundingBox();
  check(`the tab that is chosen is seen (${colorScheme})`, chosen.x >= 0 && chosen.x + chosen.width <= 390, JSON.stringify(chosen));
  check(`no complaint from the browser (${colorScheme})`, phone.complaints.length === 0, phone.complaints.join('; '));
  await phone.context.close();
}

console.log('without JavaScript');
const plain = await open(base, { javaScriptEnabled: false });
await logIn(base, plain.page, 'wrong password');
check('a wrong password is refused', await plain.page.locator('input[name=password]').count() === 1 && plain.page.url().includes('/login'));
await logIn(base, plain.page, password);
check('the right one lets in', await plain.page.locator('h1').innerText() === 'Today');
await plain.page.goto(`${base}/devices`);
check('the table is there', await plain.page.locator('table tbody tr').count() === 26);
await plain.page.goto(`${device}/actions/restart`);
await plain.page.locator('button[name=confirmed]').click();
check('a deed can be done and is confirmed', plain.page.url().startsWith(device) && /Restart: asked of 1 device/.test(await plain.page.locator('main').innerText()), plain.page.url());
await plain.page.locator('button:visible', { hasText: 'Log out' }).click();
await plain.page.goto(`${base}/devices`);
check('after logging out the log-in is asked', plain.page.url().includes('/login'));

check('no complaint from the browser', first.complaints.length === 0, first.complaints.join('; '));
await finish();
