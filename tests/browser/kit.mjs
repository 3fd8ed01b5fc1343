// What every journey uses: a browser, a page that notes complaints, checks that are counted, pictures.
import { chromium } from 'playwright-core';

let checks = 0, failures = 0;

export function check(what, holds, more = '') {
  checks += 1;
  if (!holds) failures += 1;
  console.log(`  ${holds ? 'ok' : 'NOT OK'}: ${what}${holds ? '' : ` ${more}`}`);
}

export const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });

// A window of its own; complaints are what the browser's console says, and whatever is asked of another host than `base`.
export async function open(base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && !/status of (4\d\d|503)/.test(message.text()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => new URL(request.url()).origin !== base && complaints.push(`asked ${request.url()}`));
  return { context, page, complaints };
}

export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
export const picture = (page, name) => page.screenshot({ path: `${name}.png`, fullPage: false });

export async function logIn(base, page, word) {
  await page.goto(`${base}/login`);
  await page.fill('input[name=name]', 'demo');
  await page.fill('input[name=password]', word);
  await page.click('form button[type=submit]');
}

// Every address at telephone width, light and dark, with the cookies of somebody who is logged in.
export async function fitsTelephones(base, cookies, paths) {
  for (const colorScheme of ['light', 'dark']) {
    const phone = await open(base, { viewport: { width: 390, height: 844 }, colorScheme });
    await phone.context.addCookies(cookies);
    for (const path of paths) {
      const answer = await phone.page.goto(base + path);
      const wide = await overflow(phone.page);
      check(`${path} (${colorScheme}) is there and fits`, answer.status() === 200 && wide <= 0, `${answer.status()} overflow ${wide}`);
    }
    check(`no complaint from the browser (${colorScheme})`, phone.complaints.length === 0, phone.complaints.join('; '));
    await phone.context.close();
  }
}

export async function finish() {
  await browser.close();
  console.log(`${checks - failures} of ${checks} checks passed`);
  process.exit(failures === 0 ? 0 : 1);
}
