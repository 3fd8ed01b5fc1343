// Whoever was logged out is told so where they are, and nothing that was typed is lost.
import { check, finish, logIn, open } from './kit.mjs';

const [, , link, password] = process.argv;
const base = new URL(link).origin;

console.log('logged out while a form stands open');
const window = await open(base);
const { context, page } = window;
// A form is asked about once it has stood open for a minute.
await context.addInitScript(() => {
  const now = performance.now.bind(performance);
  performance.now = () => now() + 61_000;
});
await logIn(base, page, password);
await page.waitForURL(`${base}/`);
const cookies = await context.cookies();
// Some browsers keep no Secure cookie of plain HTTP, this machine's own names included.
check('the demo’s cookies are kept without TLS', cookies.length > 0 && cookies.every(({ secure, name }) => !secure && !name.startsWith('__Host-')), JSON.stringify(cookies.map(({ name }) => name)));
check('and no script reads them', cookies.every(({ httpOnly }) => httpOnly));
await page.goto(`${base}/groups/new`);
await page.fill('main input[name=name]', 'Chess club');
const live = await context.newPage();
await live.goto(`${base}/devices`);
const other = await context.newPage();
await other.goto(`${base}/account`);
await other.locator('button:visible', { hasText: 'Log out' }).click();
await other.waitForURL(/login/);
await page.locator('main form button[type=submit]').last().click();
await page.locator('main .logged-out').waitFor();
const words = await page.locator('main .logged-out').innerText();
check('the form says so and what to do', /You were logged out.*Log in in another tab/s.test(words), words);
check('it was not sent, and holds what was typed', page.url() === `${base}/groups/new` && await page.inputValue('main input[name=name]') === 'Chess club', page.url());
await live.waitForFunction(() => document.body.classList.contains('over'), null, { timeout: 60_000 });
check('a live page says so beside the sections', await live.locator('.rail-foot .logged-out').isVisible());

console.log('and logged in again');
await logIn(base, other, password);
await other.waitForURL(`${base}/`);
await page.locator('main form button[type=submit]').last().click();
await page.waitForURL(/\/groups\/[0-9a-f-]{36}/);
check('the form is sent after all', await page.locator('h1').innerText() === 'Chess club', await page.locator('h1').innerText());
await live.waitForFunction(() => !document.body.classList.contains('over'), null, { timeout: 60_000 });
check('the live page is live again by itself', await live.locator('.rail-foot .logged-out').isHidden());
check('no complaint from the browser', window.complaints.length === 0, window.complaints.join('; '));
await finish();
