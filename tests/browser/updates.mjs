// Journeys with updates: releases by model, a plan from the empty form to its devices and its end, what is started by hand, everything without a script too.
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
const reload = async (path, pattern, tries = 60) => {
  for (let turn = 0; turn < tries; turn += 1) {
    await page.goto(base + path);
    if (pattern.test(await text())) return true;
    await page.waitForTimeout(2000);
  }
  return false;
};

console.log('releases by model');
await page.goto(`${base}/`);
await page.locator('.sections a', { hasText: 'Updates' }).click();
check('the navigation leads there', new URL(page.url()).pathname === '/updates');
check('each model has its devices', await reload('/updates', /\d+ devices?/), (await text()).slice(0, 300));
const listed = /signed until|no end/.test(await text());
check('releases come by themselves, or the page says how they come', listed || /not here yet/.test(await text()), (await text()).slice(0, 300));
await picture(page, 'updates');
const number = page.locator('table.matrix .runs a').first();
const [behind, href] = [Number((await number.innerText()).replace(/\D/g, '')), await number.getAttribute('href')];
await page.goto(base + href);
check('a number opens the list of as many devices', await page.locator('table tbody tr').count() === behind, `${behind} ${href}`);
await page.locator('main a', { hasText: 'Show others too' }).click();
check('and there is a way back to all', new URL(page.url()).search === '', page.url());

console.log('a plan, from the empty form');
await page.goto(`${base}/updates/plans/new`);
await page.fill('input[name=name]', 'Before <the> exams');
await page.locator('input[name=target][value=newest_minus_days]').check();
check('only the chosen answer shows its fields', await page.locator('input[name=days]').isVisible() && !await page.locator('input[name=major]').isVisible());
await page.fill('input[name=days]', 'many');
await page.fill('input[name=ring_name_0]', 'Pilot');
await page.locator('button', { hasText: 'Add a ring' }).click();
await page.waitForLoadState('load');
check('another ring has come, and nothing was lost', await page.locator('input[name=ring_name_2]').count() === 1
  && await page.inputValue('input[name=name]') === 'Before <the> exams' && await page.inputValue('input[name=days]') === 'many');
await page.locator('button', { hasText: 'Remove ring 3' }).click();
await page.waitForLoadState('load');
await page.locator('button', { hasText: 'Add quiet hours' }).click();
await page.waitForLoadState('load');
await page.locator('input[name=quiet_day_0][value="0"]').check();
await page.fill('input[name=quiet_from_0]', '08:00');
await page.fill('input[name=quiet_to_0]', '13:00');
await page.locator('.choice', { hasText: 'Practice' }).locator('input[name=ring_group_1]').check();
await submit(page.locator('.form-foot button', { hasText: 'Preview' }));
check('what is no number is said at its field', await page.locator('#f-days-error').count() === 1, (await text()).slice(0, 300));
await picture(page, 'update-plan-error');
await page.fill('input[name=days]', '1');
await submit(page.locator('.form-foot button', { hasText: 'Preview' }));
check('the preview tells by what devices get it', /Nothing has been saved or sent yet/.test(await text()) && /Of \d+ devices/.test(await text()), (await text()).slice(0, 400));
await picture(page, 'update-plan-preview');
await submit(page.locator('button', { hasText: 'Back to the form' }).first());
check('the way back keeps everything', await page.inputValue('input[name=quiet_from_0]') === '08:00' && await page.locator('input[name=ring_group_1]:checked').count() === 1);
await submit(page.locator('.form-foot button', { hasText: 'Preview' }));
await submit(page.locator('button', { hasText: 'Save the plan' }).first());
await page.waitForURL(/\/updates\/plans\/[0-9a-f-]{36}/);
const plan = new URL(page.url()).pathname;
check('the plan says what it means', /Each device installs the newest release that has been out for a day/.test(await text()), (await text()).slice(0, 400));
check('its devices come by themselves', await until(/\d+ (planned|cannot have it|installed|waiting)/, 120000, '#progress'), (await text('#progress')).slice(0, 300));
await picture(page, 'update-plan');
const part = page.locator('#progress .legend a').first();
const wanted = Number((await part.innerText()).replace(/\D/g, ''));
await page.goto(base + await part.getAttribute('href'));
check('a number of the bar opens its list', new RegExp(`\\b${wanted} devices?\\b`).test(await text('#members')), `${wanted}: ${(await text('#members')).slice(0, 300)}`);
await page.goto(base + plan);
const [sheet] = await Promise.all([page.waitForEvent('download'), page.locator('a', { hasText: 'Export' }).click()]);
check('the devices are saved as a sheet', /\.csv$/.test(sheet.suggestedFilename()), sheet.suggestedFilename());
await page.locator('a', { hasText: 'Leave alone' }).first().click();
await page.fill('dialog input[name=reason]', 'Exam until Friday');
await submit(page.locator('dialog button[name=confirmed]'));
check('a device is left alone for a reason', await until(/Exam until Friday/), (await text()).slice(-400));
await page.locator('a', { hasText: 'Stop the plan' }).click();
await page.fill('dialog input[name=because]', 'The printers fail');
await submit(page.locator('dialog button[name=confirmed]'));
check('it is stopped, and says why', /This plan is stopped[\s\S]*The printers fail/.test(await page.locator('main').innerText()));
await page.goto(`${base}/`);
check('Today tells of it', /is stopped: The printers fail/.test(await text()), (await text()).slice(0, 300));
await page.goto(base + plan);
await submit(page.locator('button', { hasText: 'Let it go on' }));
check('it goes on', !/This plan is stopped/.test(await text()));

console.log('one device');
await page.goto(`${base}/devices?platform=ios`);
const device = (await page.locator('table tbody tr a[href^="/devices/"]').first().getAttribute('href')).match(/\/devices\/[0-9a-f-]{36}/)[0];
await page.goto(`${base}${device}/updates`);
check('it tells what it runs', /It runs (iOS|iPadOS) \d/.test(await text()), (await text()).slice(0, 300));
await picture(page, 'device-updates');

console.log('without a script');
const plain = await open(base, { javaScriptEnabled: false });
await plain.context.addCookies(await admin.context.cookies());
await plain.page.goto(`${base}${plan}/edit`);
await plain.page.fill('input[name=name]', 'Before the exams');
await plain.page.locator('.form-foot button', { hasText: 'Preview' }).click();
await plain.page.locator('button', { hasText: 'Save the plan' }).first().click();
check('a plan is changed', await plain.page.locator('h1').innerText() === 'Before the exams', plain.page.url());
await plain.page.goto(`${base}${plan}/delete`);
const asked = (await plain.page.locator('main').innerText()).match(/Type (\d+) to go on/)?.[1];
if (asked) await plain.page.fill('input[name=typed]', asked);
await plain.page.locator('button[name=confirmed]').click();
check('a plan is deleted after its number was typed', new URL(plain.page.url()).pathname === '/updates/plans' && !/Before the exams/.test(await plain.page.locator('main table').innerText().catch(() => '')), plain.page.url());
await plain.context.close();

console.log('every page of updates at telephone width, light and dark');
await page.goto(`${base}/updates/plans`);
const boxes = await page.locator('.legend a, a.counted').evaluateAll((links) => links.map((link) => link.getBoundingClientRect()).map(({ width, height }) => [width, height]));
check('numbers that lead to what they count are large enough to be hit', boxes.length > 0 && boxes.every((box) => Math.min(...box) >= 24), JSON.stringify(boxes));
const kept = await page.locator('table a.row-link').first().getAttribute('href').catch(() => null);
await fitsTelephones(base, await admin.context.cookies(), ['/updates', '/updates/plans', '/updates/plans/new', '/updates/by-hand', `${device}/updates`,
  ...(kept ? [kept, `${kept}/edit`, `${kept}/stop`, `${kept}/delete`] : [])]);
check('no complaint from the browser', admin.complaints.length === 0, admin.complaints.join('; '));
check('nothing is wider than the window', await overflow(page) <= 0);
await finish();
