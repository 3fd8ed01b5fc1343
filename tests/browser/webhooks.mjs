// Webhooks: one is added, its secret is shown once and proves a test event, what was posted is listed and delivered again, and it is deleted after a question.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { check, finish, fitsTelephones, logIn, open, picture } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;

// A receiver that keeps what it was sent, and refuses while it is told to.
const received = [];
let status = 200;
const receiver = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    received.push({ body: Buffer.concat(parts), signature: request.headers['x-hmac-signature'] });
    response.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'thank <you>' : 'not today');
  });
}).listen(0, '127.0.0.1');
await new Promise((ready) => receiver.once('listening', ready));
const hook = `http://127.0.0.1:${receiver.address().port}/hook`;

const admin = await open(base);
const { page } = admin;
await logIn(base, page, password);
await page.waitForURL(`${base}/`);
const text = () => page.locator('body').innerText();
const submit = async (locator) => {
  await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), locator.click()]);
  await page.waitForLoadState('load');
};

console.log('a webhook');
await page.goto(`${base}/system/webhooks`);
check('without one the page says what it is for', /Nobody is told yet/.test(await text()));
await page.click('main >> text=Add a webhook');
await page.waitForURL(`${base}/system/webhooks/new`);
await page.fill('input[name=url]', hook);
await picture(page, 'webhook-new');
await submit(page.locator('button:has-text("Add the webhook")'));
await page.waitForURL(/\/system\/webhooks\/secret\//);
const secret = await page.inputValue('input#key');
check('its secret is shown', secret.length >= 16);
await page.reload();
check('once', await page.locator('input#key').count() === 0 && /was shown once/.test(await text()));
await page.goto(`${base}/system/webhooks`);
await page.locator('tbody a', { hasText: hook }).click();
await page.waitForURL(/\/system\/webhooks\/[0-9a-f-]{36}$/);
const address = new URL(page.url()).pathname;

console.log('an event for trial');
await submit(page.locator('button:has-text("Send a test event")'));
check('the answer is shown as text', /The receiver took the event: status 200/.test(await text()) && /thank <you>/.test(await text()), (await text()).slice(0, 400));
const trial = received.find(({ body }) => JSON.parse(body).topic === 'rollcall.Test');
check('it was a real event, signed with the secret', trial && trial.signature === createHmac('sha256', secret).update(trial.body).digest('base64'));
status = 503;
await submit(page.locator('button:has-text("Send a test event")'));
check('a refusal is shown too', /did not take the event: status 503/.test(await text()) && /not today/.test(await text()), (await text()).slice(0, 400));
await picture(page, 'webhook');
status = 200;

console.log('what devices say');
const posted = () => page.waitForFunction(() => /mdm\.Connect[\s\S]*delivered, 200/.test(document.querySelector('#webhook-log')?.innerText ?? ''), null, { timeout: 60000 }).then(() => true, () => false);
await page.goto(`${base}/devices`);
await page.locator('table tbody tr a').first().click();
await page.waitForURL(/\/devices\/[0-9a-f-]+$/);
await submit(page.locator('button:has-text("Ask it for news")'));
await page.waitForTimeout(4000);
await page.goto(base + address);
check('what was posted is listed with what came of it', await posted(), (await page.locator('#webhook-log').innerText()).slice(0, 400));
const before = received.length;
await submit(page.locator('button:has-text("Deliver again")').first());
const since = Date.now();
while (received.length === before && Date.now() - since < 15000) await page.waitForTimeout(200);
check('one of it is delivered again', received.length > before);

console.log('off, on and away');
await submit(page.locator('button:has-text("Switch it off")'));
check('it is off', /switched off/.test(await text()) && await page.locator('button:has-text("Switch it on")').count() === 1);
await submit(page.locator('button:has-text("Switch it on")'));
await fitsTelephones(base, await admin.context.cookies(), ['/system/webhooks', '/system/webhooks/new', address, `${address}/delete`, '/setup/steps', '/system/tls', '/system/push']);
await page.goto(`${base}${address}/delete`);
check('what is lost is said first', /told nothing any more/.test(await text()));
await submit(page.locator('button:has-text("Delete the webhook")').last());
await page.goto(`${base}/system/webhooks`);
check('it is gone', /Nobody is told yet/.test(await text()));
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
receiver.close();
await finish();
