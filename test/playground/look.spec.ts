/** axe finds no serious fault in any state, light and dark; five languages; keyboard alone. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { afterAll, expect, test } from 'vitest';
import { languages } from '../../demo/text/languages.ts';
import { openSite } from './site.ts';
import { states } from './states.ts';
import type { Visitor } from './visitor.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Serious and critical faults, a line each. */
async function faults({ page }: Visitor): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    () => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run() as Promise<AxeResults>,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

test('no state has a serious fault', async () => {
  const found: Record<string, string[]> = {};
  for await (const { name, visitor } of states(site)) {
    for (const theme of ['light', 'dark']) {
      await visitor.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
      await visitor.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200))); // colours fade
      const some = await faults(visitor);
      if (some.length > 0) found[`${name} ${theme}`] = some;
    }
  }
  expect(found).toEqual({});
}, 600_000);

test('the page speaks the browser’s language, or another that was chosen, and keeps to it', async () => {
  const visitor = await site.visit();
  expect(await visitor.page.$eval('html', ({ lang }) => lang)).toBe('en');
  const titles = new Set<string>();
  for (const [name, own] of languages) {
    await visitor.click(`.languages [lang="${name}"]`);
    expect(await visitor.text('.languages [aria-pressed="true"]')).toBe(own);
    await visitor.reload();
    expect(await visitor.page.$eval('html', ({ lang }) => lang)).toBe(name);
    titles.add(await visitor.text('h1'));
  }
  expect(titles.size).toBe(languages.length);
  await visitor.close();

  const galician = await site.visit('', { languages: ['gl-ES', 'es'] });
  expect(await galician.text('h1')).toMatch(/^Fala con/);
  await galician.close();
});

test('by keyboard alone: the built-in model, a question, its answer, a panel and back', async () => {
  const visitor = await site.visit();
  const { keyboard } = visitor.page;
  const focused = () => visitor.page.evaluate(() => document.activeElement!.id);
  while ((await focused()) !== 'try') await keyboard.press('Tab');
  await keyboard.press('Enter');
  await visitor.see('#question');
  await visitor.until('the field', async () => (await focused()) === 'question');
  await keyboard.type('Hola');
  await keyboard.press('Enter');
  expect(await visitor.answer()).not.toBe('');
  expect(await focused()).toBe('question');
  while ((await focused()) !== 'show-look') {
    await keyboard.down('Shift');
    await keyboard.press('Tab');
    await keyboard.up('Shift');
  }
  await keyboard.press('Enter');
  await visitor.see('.side');
  await keyboard.press('Escape');
  expect(await visitor.page.$('.side')).toBeNull();
  expect(await focused()).toBe('show-look');
  await visitor.close();
});

test('the self-test tells kernel by kernel what is right, and can be stopped', async () => {
  const visitor = await site.visit();
  await visitor.click('#show-look');
  await visitor.click('#self-test');
  await visitor.until('two kernels', async () => (await visitor.texts('.self-test li')).length >= 2);
  for (const line of await visitor.texts('.self-test li')) {
    const [, right, total] = /(\d+) of (\d+) right$/.exec(line)!;
    expect(right).toBe(total);
  }
  await visitor.click('.side ::-p-text(Stop)');
  await visitor.see('#self-test');
  expect(await visitor.page.$('.trouble')).toBeNull();
  await visitor.until('its worker is gone', async () => visitor.page.workers().length === 0);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});
