// Notices: a mail server that refuses and takes, a letter for trial, the weekly digest as it would be and as it comes, the calendar, and a webhook for the
// same. The mail server and the receiver are programs of this journey, on loopback.
import { createServer as receiver } from 'node:http';
import { createServer } from 'node:net';
import { check, finish, fitsTelephones, logIn, open, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;
const listening = async (server) => {
  server.listen(0, '127.0.0.1');
  await new Promise((ready) => server.once('listening', ready));
  return server.address().port;
};

// Speaks as much SMTP as a letter needs, keeps what it is given, and refuses recipients while it is told to.
const letters = [];
let refusal = null;
const mail = createServer((socket) => {
  let waiting = '', inside = false, to = '';
  const say = (line) => socket.write(`${line}\r\n`);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    waiting += data.toString('utf8');
    for (;;) {
      const end = waiting.indexOf(inside ? '\r\n.\r\n' : '\r\n');
      if (end < 0) return;
      const line = waiting.slice(0, end);
      waiting = waiting.slice(end + (inside ? 5 : 2));
      if (inside) {
        inside = false;
        letters.push({ to, text: line });
        say(`250 2.0.0 Taken as letter ${letters.length}`);
      } else if (/^(EHLO|HELO)/i.test(line)) say('250 localhost');
      else if (/^RCPT/i.test(line)) {
        to = line;
        say(refusal ?? '250 2.1.5 OK');
      } else if (/^DATA/i.test(line)) {
        inside = true;
        say('354 Go on');
      } else if (/^QUIT/i.test(line)) {
        say('221 2.0.0 Bye');
        socket.end();
      } else say('250 2.0.0 OK');
    }
  });
  say('220 localhost ESMTP');
});
const port = await listening(mail);
const subject = (letter) => /^Subject: (.*(?:\r\n[ \t].*)*)/im.exec(letter.text)?.[1] ?? '';

const admin = await open(base);
const { page } = admin;
await logIn(base, page, password);
await page.waitForURL(`${base}/`);
const text = () => page.locator('main').innerText();
const submit = async (locator) => {
  await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), locator.click()]);
  await page.waitForLoadState('load');
};
const server = page.locator('form[action="/system/notices/mail-server"]');

console.log('before there is a mail server');
await page.goto(`${base}/system/notices`);
check('it says that nothing is sent', /Nothing is sent by e-mail/.test(await text()));
await picture(page, 'notices-none');
await page.click('text=See what the digest would say now');
await page.waitForURL(/digest=1/);
const foreseen = await page.locator('#digest').innerText();
check('the digest can be read before', /The week: /.test(foreseen) && /Needs you/.test(foreseen) && /Ends within 60 days/.test(foreseen), foreseen.slice(0, 300));
check('and no letter was written for it', /Last letters\s+None yet/.test(await text()), (await text()).slice(-300));

console.log('the mail server');
await server.locator('input[name=host]').fill('mail.example.school');
await server.locator('input[name=security][value=none]').check();
await server.locator('input[name=from]').fill('rollcall@example.school');
await server.locator('input[name=from_name]').fill('Rollcall');
await server.locator('input[name=password]').fill('open sesame');
await server.locator('input[name=user]').fill('rollcall');
await submit(server.locator('button', { hasText: /^Save$/ }));
check('in the open to another machine it is asked first', /everybody on the way can read along/.test(await text()), (await text()).slice(0, 600));
check('and what was typed stays, but the password', await server.locator('input[name=host]').inputValue() === 'mail.example.school'
  && await server.locator('input[name=from]').inputValue() === 'rollcall@example.school' && await server.locator('input[name=password]').inputValue() === '');
await picture(page, 'notices-refused');
await server.locator('input[name=host]').fill('127.0.0.1');
await server.locator('input[name=port]').fill(String(port));
await server.locator('input[name=user]').fill('');
refusal = '550 5.1.1 There is no such <mailbox> here';
await server.locator('input[name=test_address]').fill('nobody@example.school');
await submit(server.locator('button', { hasText: 'Send a letter for trial' }));
check('a refusal stands there in the mail server’s words', /550 5\.1\.1 There is no such <mailbox> here/.test(await text()), (await text()).slice(0, 600));
check('and what was typed stays, saved or not', await server.locator('input[name=port]').inputValue() === String(port));
refusal = null;
await server.locator('input[name=test_address]').fill('kim@example.school');
await submit(server.locator('button', { hasText: 'Send a letter for trial' }));
check('a letter for trial is taken, and the answer is shown', /250 2\.0\.0 Taken as letter 1/.test(await page.locator('body').innerText()), (await text()).slice(0, 600));
check('it came, to whom it was for', letters.length === 1 && /kim@example\.school/.test(letters[0].to) && /Mail from Rollcall arrives/.test(subject(letters[0])), JSON.stringify(letters));
await submit(server.locator('button', { hasText: /^Save$/ }));
check('it is saved', /127\.0\.0\.1, port/.test(await text()) && !/Nothing is sent by e-mail/.test(await text()));
check('letters are listed with what came of them', /not sent/.test(await text()) && /Taken as letter 1/.test(await text()));

console.log('who gets the digest, and when');
await page.locator('summary', { hasText: 'Add an address' }).click();
const address = page.locator('form[action="/system/notices/recipients"]');
await address.locator('input[name=new_address]').fill('it@example.school');
for (const box of await address.locator('input[type=checkbox]').all()) await box.setChecked(await box.getAttribute('name') === 'new.digest');
await submit(address.locator('button', { hasText: 'Add' }));
check('an address is on the list with what it gets', /it@example\.school\s*: Weekly digest/.test(await text()), (await text()).slice(0, 800));
const zone = /By the clock of ([^.]+)\./.exec(await text())[1].replaceAll(' ', '_');
// The digest of a minute that begins soon: the page takes whole minutes.
const soon = new Date(Date.now() + (new Date().getSeconds() < 45 ? 60000 : 120000));
const part = (options) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options }).format(soon);
const rules = page.locator('form[action="/system/notices/rules"]');
await rules.locator('input[name=digest]').check();
await rules.locator('select[name=weekday]').selectOption({ label: part({ weekday: 'long' }) });
await rules.locator('input[name=at]').fill(part({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }));
await submit(rules.locator('button', { hasText: 'Save' }));
check('when the next one comes is said', !/Next weekly digest\s+(once there|not wanted)/.test(await text()), (await text()).slice(0, 400));
await picture(page, 'notices');

console.log('the calendar');
const calendar = page.locator('form[action="/system/notices/calendar"]');
await submit(calendar.locator('button', { hasText: 'Make an address' }));
const feed = await page.inputValue('input#calendar-address');
const read = async (url) => {
  const answer = await page.request.get(base + new URL(url).pathname);
  return [answer.status(), answer.headers()['content-type'] ?? '', await answer.text()];
};
const [status, kind, ics] = await read(feed);
check('whoever has its address reads it', status === 200 && /text\/calendar/.test(kind) && ics.startsWith('BEGIN:VCALENDAR'), ics.slice(0, 200));
check('with what ends, each on its day', /DTSTART;VALUE=DATE:\d{8}\r\n/.test(ics) && /SUMMARY:.+ ends\r\n/.test(ics), ics.slice(0, 600));
const stranger = await open(base);
check('without logging in', (await stranger.page.request.get(base + new URL(feed).pathname)).status() === 200);
await stranger.context.close();
await submit(calendar.locator('button', { hasText: 'Make another address' }));
const newer = await page.inputValue('input#calendar-address');
check('another address takes its place', newer !== feed && (await read(feed))[0] === 404 && (await read(newer))[0] === 200);
await submit(page.locator('button', { hasText: 'Take it back' }));
check('and it can be taken back', (await read(newer))[0] === 404 && await page.locator('input#calendar-address').count() === 0);

console.log('a webhook for the same');
const told = [];
const hook = receiver((request, response) => {
  request.resume();
  request.on('end', () => { told.push(request.url); response.writeHead(200).end('ok'); });
});
const hookPort = await listening(hook);
await page.goto(`${base}/system/notices`);
await page.locator('main a[href="/system/webhooks"]').click();
await page.click('main >> text=Add a webhook');
await page.fill('input[name=url]', `http://127.0.0.1:${hookPort}/notices`);
await page.locator('.choice', { hasText: 'rollcall.Notice' }).locator('input').check();
await submit(page.locator('button:has-text("Add the webhook")'));
await page.goto(`${base}/system/webhooks`);
check('it is told notices alone', /rollcall\.Notice/.test(await page.locator('tbody tr', { hasText: `:${hookPort}` }).innerText()));
await page.locator('tbody a', { hasText: `:${hookPort}` }).click();
await page.waitForURL(/\/system\/webhooks\/[0-9a-f-]{36}$/);
const hookPath = new URL(page.url()).pathname;
await submit(page.locator('button:has-text("Send a test event")'));
check('and answers', /The receiver took the event: status 200/.test(await text()) && told.includes('/notices'));
await page.goto(`${base}${hookPath}/delete`);
await submit(page.locator('button:has-text("Delete the webhook")').last());

console.log('the digest comes');
const until = Date.now() + 180000;
while (letters.length < 2 && Date.now() < until) await page.waitForTimeout(500);
const digest = letters.find((letter) => /it@example\.school/.test(letter.to));
check('to whoever ticked it, at its minute', digest && /The week: /.test(subject(digest)), JSON.stringify(letters.map(subject)));
await page.goto(`${base}/system/notices`);
check('and stands among the last letters', /The week: /.test(await text()) && /Taken as letter 2/.test(await text()), (await text()).slice(-500));
await picture(page, 'notices-letters');

console.log('without JavaScript');
const plain = await open(base, { javaScriptEnabled: false });
await plain.context.addCookies(await admin.context.cookies());
await plain.page.goto(`${base}/system/notices?digest=1`);
check('the digest can be read', /The week: /.test(await plain.page.locator('#digest').innerText()));
const form = plain.page.locator('form[action="/system/notices/mail-server"]');
await form.locator('input[name=test_address]').fill('lee@example.school');
await form.locator('button', { hasText: 'Send a letter for trial' }).click();
check('a letter for trial goes out', letters.some((letter) => /lee@example\.school/.test(letter.to)) && /Taken as letter/.test(await plain.page.locator('body').innerText()));
await form.locator('button', { hasText: 'Take it out' }).click();
check('the mail server is taken out', /Nothing is sent by e-mail/.test(await plain.page.locator('main').innerText()));
await plain.context.close();

await fitsTelephones(base, await admin.context.cookies(), ['/system/notices', '/system/notices?digest=1', '/account']);
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
mail.close();
hook.close();
await finish();
