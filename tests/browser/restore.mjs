// The first run with a backup: the set-up link leads to a form, a wrong passphrase is told, the right one brings everybody back after a restart.
import { judge } from './judge.mjs';
import { check, finish, open, overflow, picture } from './kit.mjs';

const [, , link, file, passphrase, name, password] = process.argv;
const base = new URL(link).origin;

console.log('a backup at the first run');
for (const options of [{ javaScriptEnabled: false }, {}]) {
  const { page, complaints, context } = await open(base, { ignoreHTTPSErrors: true, colorScheme: 'dark', viewport: { width: 390, height: 844 }, ...options });
  const how = options.javaScriptEnabled === false ? 'without JavaScript' : 'with JavaScript';
  await page.goto(link);
  await page.click('a:has-text("Restore a backup")');
  await page.fill('input[name=key]', 'another passphrase');
  await page.setInputFiles('input[name=file]', file);
  await page.click('button:has-text("Restore")');
  await page.waitForSelector('[role=alert]');
  check(`a wrong passphrase is told ${how}`, /does not open this backup/.test(await page.locator('[role=alert]').first().innerText()));
  check(`the form fits a telephone ${how}`, await overflow(page) <= 0);
  check(`no complaint from the browser ${how}`, complaints.length === 0, complaints.join('; '));
  if (options.javaScriptEnabled !== false) {
    await picture(page, 'restore-refused');
    await judge(page, 'a restore that is refused');
  }
  await context.close();
}

const { page } = await open(base, { ignoreHTTPSErrors: true });
await page.goto(link);
await page.click('a:has-text("Restore a backup")');
await page.fill('input[name=key]', passphrase);
await page.setInputFiles('input[name=file]', file);
await picture(page, 'restore');
await page.click('button:has-text("Restore")');
await page.waitForSelector('h1:has-text("Everything is back")', { timeout: 60000 });
// The practice classroom, and whatever the journeys before switched on.
const devices = Number((await page.locator('main').innerText()).match(/(\d+) devices/)?.[1]);
check('it says how many devices are back', devices >= 25, devices);
await picture(page, 'restored');
await judge(page, 'everything that is back');
const until = Date.now() + 30000;
let there = false;
while (!there && Date.now() < until) {
  there = await page.goto(`${base}/login`).then((answer) => answer.ok(), () => false);
  if (!there) await page.waitForTimeout(300);
}
await page.fill('input[name=name]', name);
await page.fill('input[name=password]', password);
await page.click('form button[type=submit]');
await page.waitForURL(`${base}/`);
check('whoever logged in then logs in now', await page.locator('h1').innerText() === 'Today');
check('Today says that it was restored', /was restored from the backup of/.test(await page.locator('main').innerText()));
await page.goto(`${base}/devices`);
const rows = await page.locator('table tbody tr').count();
check('every device is there', rows === devices, `${rows} of ${devices}`);
await page.goto(`${base}/system/backups`);
check('and the page of backups knows', /was restored/.test(await page.locator('main').innerText()));
await picture(page, 'backups');
await finish();
