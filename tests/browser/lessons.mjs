// A teacher's lesson: people with different powers, one app for a class until the bell, and a second factor; with and without JavaScript.
import { createHmac } from 'node:crypto';
import { judge } from './judge.mjs';
import { check, finish, fitsTelephones, logIn, open, overflow, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;
const owner = await open(base);
const page = owner.page;
const PASSWORD = 'correct horse battery';
const text = (of) => of.locator('main').innerText();
const submit = (of, button) => Promise.all([of.waitForLoadState('load'), of.waitForEvent('framenavigated'), button.click()]);
// The page is made anew while it is looked at, so it is asked again and again.
const until = async (of, words, patience = 60000) => {
  for (const end = Date.now() + patience; Date.now() < end; await of.waitForTimeout(300)) {
    if (words.test(await text(of).catch(() => ''))) return true;
  }
  return false;
};

await logIn(base, page, password);
await page.waitForURL(`${base}/`);

console.log('a class, its pupils and its teacher');
const person = async (name, email, role) => {
  await page.goto(`${base}/people/new`);
  await page.fill('input[name=name]', name);
  await page.fill('input[name=email]', email);
  await page.locator('[name=role]').first().evaluate((field, value) => { if (field.tagName === 'SELECT') field.value = value; else document.querySelector(`[name=role][value=${value}]`).checked = true; }, role);
  await submit(page, page.locator('main form button[type=submit]').last());
};
await person('Ada Lovelace', 'ada@lesson.example.school', 'student');
await person('Bob Babbage', 'bob@lesson.example.school', 'student');
await person('Tess Teacher', 'tess@lesson.example.school', 'teacher');
await page.goto(`${base}/classes/new`);
await page.fill('input[name=name]', 'Lesson 7b');
await submit(page, page.locator('main form button[type=submit]').last());
const classPath = new URL(page.url()).pathname;
for (const [who, role] of [['ada', 'student'], ['bob', 'student'], ['tess', 'teacher']]) {
  await page.fill('input[name=person]', `${who}@lesson.example.school`);
  await page.selectOption('select[name=role]', role);
  await submit(page, page.locator('button', { hasText: 'Put them in' }));
}
check('the class has its three people', /Ada Lovelace[\s\S]*Bob Babbage/.test(await text(page)) && /Tess Teacher/.test(await text(page)), await text(page));
console.log('the class list on paper');
await page.emulateMedia({ media: 'print' });
await page.setViewportSize({ width: 718, height: 1000 });
const paper = await page.evaluate(() => ({
  heads: [...document.querySelectorAll('thead th')].filter((head) => getComputedStyle(head).display === 'table-cell').map((head) => head.textContent.trim()),
  row: getComputedStyle(document.querySelector('tbody tr')).display,
  pressed: [...document.querySelectorAll('button, .button, input')].filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()),
}));
check('it is a table with its heads', ['Name', 'E-mail', 'Here', 'Devices'].every((head) => paper.heads.includes(head)) && paper.row === 'table-row', JSON.stringify(paper));
check('and has nothing to press', paper.pressed.length === 0, JSON.stringify(paper.pressed));
await page.emulateMedia({ media: null });
await page.setViewportSize({ width: 1280, height: 800 });
// Two supervised iPads for the pupils.
const devices = await page.evaluate(async () => (await (await fetch('/api/v1/devices?limit=100')).json()).items.filter((device) => device.supervised && device.platform === 'ios' && /iPad/.test(device.product_name)).map((device) => device.id));
check('there are supervised iPads', devices.length >= 2, devices.length);
const give = async (device, email) => page.evaluate(async ([device, email]) => {
  const people = (await (await fetch(`/api/v1/people?search=${encodeURIComponent(email)}`)).json()).items;
  const answer = await fetch(`/api/v1/devices/${device}/person`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ person: people[0].id }) });
  return answer.status;
}, [device, email]);
check('each pupil has one', (await give(devices[0], 'ada@lesson')) < 300 && (await give(devices[1], 'bob@lesson')) < 300);

console.log('the teacher may log in');
await page.goto(`${base}/system/admins`);
check('what each role may do stands there', /What each role may do[\s\S]*send commands/.test(await text(page)));
await picture(page, 'roles');
await page.goto(`${base}/system/admins/new`);
await page.fill('input[name=name]', 'tess@lesson.example.school');
await page.check('input[name=role][value=teacher]');
await page.fill('input[name=password]', PASSWORD);
await submit(page, page.locator('main form button[type=submit]'));
check('she is listed as a teacher', /tess@lesson.example.school/.test(await text(page)));

const teacher = await open(base);
const enter = async (of, name, word) => {
  await of.goto(`${base}/login`);
  await of.fill('input[name=name]', name);
  await of.fill('input[name=password]', word);
  await submit(of, of.locator('form button[type=submit]'));
};
const lesson = teacher.page;
await enter(lesson, 'tess@lesson.example.school', PASSWORD);
check('she is led to her own classes', new URL(lesson.url()).pathname === '/teaching' && /Lesson 7b/.test(await text(lesson)), lesson.url());
check('and has no other way to go', await lesson.locator('.rail .sections:not(.rest) a').count() === 1);
for (const path of ['/devices', `/devices/${devices[0]}`, '/system', '/people', classPath, '/api/v1/devices', `/api/v1/devices/${devices[0]}`]) {
  const answer = await lesson.context().request.get(base + path, { maxRedirects: 0 });
  check(`${path} is not hers`, answer.status() === 403, answer.status());
}
await picture(lesson, 'my-classes');
await lesson.goto(`${base}/teaching`);
await lesson.locator('a', { hasText: 'Lesson 7b' }).first().click();
await lesson.waitForLoadState('load');
check('the class shows its pupils', /Ada Lovelace[\s\S]*Bob Babbage/.test(await text(lesson)));
const own = new URL(lesson.url()).pathname;
await picture(lesson, 'class-now');
await judge(lesson, 'a class as its teacher sees it');

console.log('one app for the lesson');
await lesson.locator('a', { hasText: 'Start a focus' }).click();
await lesson.waitForLoadState('load');
await lesson.check('input[name=kind][value=app]');
await lesson.locator('summary', { hasText: 'One app' }).click().catch(() => {});
await lesson.selectOption('select[name=one]', 'com.apple.mobilenotes');
await picture(lesson, 'focus-form');
await submit(lesson, lesson.locator('button', { hasText: '45 minutes' }));
check('what will happen is said first', /2 devices of Lesson 7b will show one app: Notes until \d\d:\d\d/.test(await text(lesson)), await text(lesson));
await picture(lesson, 'focus-preview');
await judge(lesson, 'a focus before it begins');
await submit(lesson, lesson.locator('button[name=confirmed]'));
check('it is started', /Started: one app: Notes/.test(await text(lesson)), await text(lesson));
// One that is locked puts it off for a while, as it does in a classroom, and that is said.
check('both iPads confirm it, live', await until(lesson, /On 2 of 2 devices|On 1 of 2 devices[\s\S]*put it off/, 120000), await text(lesson));
await picture(lesson, 'focus-running');
await judge(lesson, 'a focus that is going on');
await page.goto(`${base}/`);
check('Today tells of it', await until(page, /Lesson 7b: one app: Notes until/), (await text(page)).slice(0, 400));
await picture(page, 'today-focus');
await lesson.goto(`${base}${own}/focus`);
await lesson.check('input[name=kind][value=sites]');
await lesson.locator('summary', { hasText: 'Websites' }).click().catch(() => {});
await lesson.fill('textarea[name=sites]', 'not an address');
await submit(lesson, lesson.locator('button', { hasText: 'Look at it first' }));
check('a wrong address is told at its field, and stays', /is no address of a website/.test(await text(lesson)) && await lesson.inputValue('textarea[name=sites]') === 'not an address');
await lesson.fill('textarea[name=sites]', 'en.wikipedia.org');
await submit(lesson, lesson.locator('button', { hasText: 'Look at it first' }));
check('whoever has something going on there is named', /Have another now: 2[\s\S]*one app: Notes, until/.test(await text(lesson)), await text(lesson));
await submit(lesson, lesson.locator('button[name=confirmed]'));
check('and keeps it unless it is replaced on purpose', /Take its place on purpose, or wait/.test(await text(lesson)), await text(lesson));
await lesson.goto(base + own);
await submit(lesson, lesson.locator('button', { hasText: 'End now' }));
check('End now frees the devices', await until(lesson, /is ended/) && !/Going on now/.test(await text(lesson)), await text(lesson));

console.log('the same without a script');
const plain = await open(base, { javaScriptEnabled: false });
await plain.context.addCookies(await teacher.context.cookies());
await plain.page.goto(`${base}${own}/focus`);
await plain.page.check('input[name=kind][value=app]');
await plain.page.locator('summary', { hasText: 'One app' }).click();
await plain.page.selectOption('select[name=one]', 'com.apple.calculator');
await plain.page.fill('input[name=minutes]', '20');
await plain.page.locator('button', { hasText: 'Look at it first' }).click();
await plain.page.locator('button[name=confirmed]').click();
check('a focus is started', /Started: one app: Calculator/.test(await text(plain.page)), await text(plain.page));
await plain.page.locator('button', { hasText: 'End now' }).click();
check('and ended', /is ended/.test(await text(plain.page)), await text(plain.page));
await plain.context.close();

console.log('a second factor');
const base32 = (letters) => Buffer.from((letters.replace(/\s/g, '').split('').map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('').match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
const code = (secret, off = 0) => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + off));
  const mac = createHmac('sha1', base32(secret)).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
};
await lesson.goto(`${base}/account`);
check('her account says what she may', /see classes and start a focus/.test(await text(lesson)) && /Chrom|Headless/.test(await text(lesson)), await text(lesson));
await picture(lesson, 'account');
await lesson.goto(`${base}/account/second-factor`);
await lesson.fill('input[name=password]', PASSWORD);
await submit(lesson, lesson.locator('button', { hasText: 'Begin' }));
const secret = await lesson.inputValue('#secret');
check('a square of dots and a key are shown', await lesson.locator('main svg').count() > 0 && secret.replace(/\s/g, '').length === 32, secret);
await picture(lesson, 'second-factor');
await lesson.fill('input[name=code]', '000000');
await submit(lesson, lesson.locator('button', { hasText: 'Switch it on' }));
check('a wrong code switches nothing on', /not the code that the telephone shows/.test(await text(lesson)), await text(lesson));
await lesson.fill('input[name=code]', code(secret));
await submit(lesson, lesson.locator('button', { hasText: 'Switch it on' }));
const papers = await lesson.locator('ol li').allInnerTexts();
check('ten codes on paper are shown once', papers.length === 10, papers.length);
await lesson.reload();
check('and not again', /were shown once/.test(await text(lesson)));
for (const javaScriptEnabled of [true, false]) {
  const again = await open(base, { javaScriptEnabled });
  await again.page.goto(`${base}/login`);
  await again.page.fill('input[name=name]', 'tess@lesson.example.school');
  await again.page.fill('input[name=password]', PASSWORD);
  await again.page.click('form button[type=submit]');
  await again.page.waitForSelector('input[name=code]');
  if (javaScriptEnabled) {
    await picture(again.page, 'code');
    await judge(again.page, 'the code of a second factor');
  }
  await again.page.fill('input[name=code]', code(secret, javaScriptEnabled ? 1 : 0));
  if (!javaScriptEnabled) await again.page.fill('input[name=code]', papers[0]);
  await again.page.click('form button[type=submit]');
  await again.page.waitForURL(`${base}/teaching`);
  check(`the code of ${javaScriptEnabled ? 'the telephone' : 'the paper'} logs her in`, /My classes/.test(await again.page.locator('h1').innerText()));
  await again.context.close();
}
await page.goto(`${base}/system/admins`);
await page.locator('a', { hasText: 'tess@lesson' }).first().click();
await page.waitForLoadState('load');
await picture(page, 'admin');
await submit(page, page.locator('button', { hasText: 'Switch it off' }));
await lesson.goto(`${base}/teaching`);
check('an owner switches it off, and her log-ins end', new URL(lesson.url()).pathname === '/login', lesson.url());

console.log('the audit log');
await page.goto(`${base}/system/audit?by=tess%40lesson.example.school&kind=focus.`);
check('it is narrowed down by whom and what', /Started a focus of Lesson 7b/.test(await text(page)) && !/Logged in/.test(await text(page)), await text(page));
await page.locator('summary', { hasText: 'Narrowed down' }).click();
await picture(page, 'audit');
for (const [words, ending] of [['Save as a table', /\.csv$/], ['Save as JSON lines', /\.jsonl$/]]) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('a', { hasText: words }).click()]);
  check(`${words}: a file`, ending.test(file.suggestedFilename()), file.suggestedFilename());
}

console.log('names that are long and have no space');
const long = 'Wolkenkratzerbauingenieur'.repeat(4);
await person(`Ada${long}`, 'long@lesson.example.school', 'student');
const longPerson = new URL(page.url()).pathname;
await page.goto(`${base}/classes/new`);
await page.fill('input[name=name]', `Klasse${long}`);
await submit(page, page.locator('main form button[type=submit]').last());
const longClass = new URL(page.url()).pathname;
await page.fill('input[name=person]', 'ada@lesson.example.school');
await submit(page, page.locator('button', { hasText: 'Put them in' }));
await page.goto(`${base}/teaching/${longClass.split('/').pop()}`);
check('the class of the long name has a device', /1 device/.test(await text(page)), await text(page));
await page.goto(`${base}/invitations/new`);
await page.fill('input[name=name]', long);
await page.fill('input[name=group]', long);
await submit(page, page.locator('button', { hasText: 'Make the invitation' }));
const longInvitation = new URL(page.url()).pathname;
await page.goto(`${base}/invitations`);
check('a group of a long name widens no list', await overflow(page) <= 0, `${await overflow(page)} px`);

console.log('every page at telephone width, light and dark');
await enter(lesson, 'tess@lesson.example.school', PASSWORD);
await fitsTelephones(base, await teacher.context.cookies(), ['/teaching', own, `${own}/focus`, `${own}/devices/${devices[0]}`, '/account', '/account/second-factor']);
await fitsTelephones(base, await owner.context.cookies(), ['/system/admins', '/system/audit?by=demo', '/account', longPerson, longClass, '/invitations', longInvitation, `${longClass}/delete`, longClass.replace('/classes/', '/teaching/'),
  `${longClass.replace('/classes/', '/teaching/')}/focus`, '/classes', '/people?search=Ada', `/devices/${devices[0]}/person?search=Ada`]);
check('no complaint from the browser', owner.complaints.concat(teacher.complaints).length === 0, owner.complaints.concat(teacher.complaints).join('; '));
check('nothing is wider than the window', await overflow(page) <= 0);
await finish();
