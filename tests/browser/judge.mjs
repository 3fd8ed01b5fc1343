// What axe-core says of a page against WCAG 2.2 AA.
import axe from 'axe-core';
import { check } from './kit.mjs';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// What colours and widths can change; the rest is judged at the desk.
export const LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'aria-hidden-focus'];

export async function judge(page, what, rules) {
  // What is just fading in has other colours for a moment.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.evaluate(axe.source);
  const runOnly = rules ? { type: 'rule', values: rules } : { type: 'tag', values: TAGS };
  const found = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly, resultTypes: ['violations'] }), runOnly);
  const words = found.violations.map((fault) => `${fault.id} (${fault.impact}): ${fault.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.html.slice(0, 120)}`).join(' | ')}`);
  check(`${what} has no violation`, words.length === 0, `\n    ${words.join('\n    ')}`);
}
