/** What goes wrong in the page, and what others would like to go wrong. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeModel } from '../homes/model_file.ts';
import { hostileGgufBytes, hostileName } from './hostile_model.ts';
import { openSite, pocketPath } from './site.ts';
import type { Visitor } from './visitor.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());
const endless = await writeModel({ contextLength: 4096 });
afterAll(() => endless[Symbol.asyncDispose]());

async function ready(path: string, maxTokens: number): Promise<Visitor> {
  const visitor = await site.visit();
  await visitor.openFiles(path);
  await visitor.watchDevices();
  await visitor.load();
  await visitor.set('temperature', 0);
  await visitor.set('maxTokens', maxTokens);
  return visitor;
}

test('the device is lost in mid-answer: it goes on with the same text; lost again at once, it is told', async () => {
  const undisturbed = await ready(endless.path, 200);
  const expected = await undisturbed.answerTo('hola');
  await undisturbed.close();

  const visitor = await ready(endless.path, 200);
  await visitor.ask('hola');
  await visitor.until('some text', async () => (await visitor.coming()).length > 40);
  await visitor.loseDevice();
  expect(await visitor.answer()).toBe(expected);
  expect(await visitor.text('.notice[data-kind="reloaded"]')).toMatch(/^The GPU was lost; the model was loaded again/);
  expect(await visitor.text('.stats')).toMatch(/^200 tokens/);

  await visitor.click('[aria-label="Again"]');
  await visitor.until('some text', async () => (await visitor.coming()).length > 40);
  await visitor.loseDevice();
  expect(await visitor.text('.trouble[data-kind="lost"] strong')).toBe('The GPU was lost, twice within a minute');
  expect(await visitor.texts('.said')).toEqual(['hola']);
  await visitor.click('.trouble ::-p-text(Back)');
  await visitor.openFiles(endless.path);
  await visitor.load();
  expect(await visitor.answerTo('hola')).not.toBe('');
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('a model closed in mid-answer: no trouble, what was said is kept', async () => {
  const visitor = await ready(endless.path, 4000);
  await visitor.ask('hola');
  await visitor.until('some text', async () => (await visitor.coming()).length > 40);
  await visitor.click('#close');
  await visitor.tryPocket();
  expect(await visitor.page.$('.trouble')).toBeNull();
  expect((await visitor.text('.answer .markdown')).length).toBeGreaterThan(40);
  expect(await visitor.answerTo('Hola')).not.toBe('');
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('a worker that stops is told, and the model can be loaded again', async () => {
  const visitor = await ready(pocketPath, 30);
  await visitor.answerTo('Hola');
  await visitor.page.workers()[0]!.evaluate(() => {
    setTimeout(() => {
      throw new Error('out of memory');
    });
  });
  await visitor.ask('Hola');
  await visitor.see('.trouble[data-kind="worker"]');
  await visitor.click('.trouble ::-p-text(Back)');
  await visitor.tryPocket();
  expect(await visitor.answerTo('Hola')).not.toBe('');
  await visitor.close();
});

test('a model file that wants to run script does not, wherever its words are shown', async () => {
  const path = join(site.folder, 'hostile.gguf');
  await writeFile(path, await hostileGgufBytes());
  const visitor = await site.visit();
  const requested: string[] = [];
  visitor.page.on('request', (request) => requested.push(request.url()));
  await visitor.openFiles(path);
  expect(await visitor.text('h1')).toBe(hostileName);
  await visitor.load();
  await visitor.set('temperature', 1);
  await visitor.set('seed', 1);
  await visitor.set('maxTokens', 60);
  for (let turn = 0; turn < 3; turn++) await visitor.answerTo('<b onclick="window.pwned=1">hola</b>');
  await visitor.click('.answer:last-of-type [aria-label="Prompt"]');
  await visitor.until('the prompt', async () => (await visitor.texts('.raw .token')).length > 0);
  await visitor.click('.answer:last-of-type [aria-label="Tokens"]');
  await visitor.until('the tokens', async () => (await visitor.texts('.scored .token')).length > 0);
  expect((await visitor.texts('.scored .token')).join()).toMatch(/onerror|<script|javascript:/);
  await visitor.click('#show-chats');

  const found = await visitor.page.evaluate(() => ({
    pwned: (window as { pwned?: number }).pwned,
    elements: [...document.querySelectorAll('.log *')].map(({ localName }) => localName),
    attributes: [...document.querySelectorAll('.log .markdown *')].flatMap((each) => each.getAttributeNames()),
    links: [...document.querySelectorAll('.log a[href]')].map((link) => (link as HTMLAnchorElement).protocol),
  }));
  expect(found.pwned).toBeUndefined();
  for (const name of ['script', 'img', 'iframe', 'style', 'form', 'math', 'details', 'base', 'link']) {
    expect(found.elements).not.toContain(name);
  }
  expect(['href', 'target', 'rel', 'tabindex']).toEqual(expect.arrayContaining([...new Set(found.attributes)]));
  expect(['https:', 'http:', 'mailto:']).toEqual(expect.arrayContaining([...new Set(found.links)]));
  const origin = new URL(visitor.page.url()).origin;
  expect(requested.filter((url) => !url.startsWith(origin) && !url.startsWith('blob:'))).toEqual([]);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('the served policy lets no script of another’s in, should anything of it reach the page', async () => {
  const visitor = await site.visit();
  const policy = (await fetch(visitor.page.url())).headers.get('content-security-policy');
  expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(policy).toMatch(/require-trusted-types-for 'script'.*frame-ancestors 'none'$/);
  expect(policy).not.toMatch(/unsafe-|data: \*| \* /);
  const refused = await visitor.page.evaluate(async () => {
    await new Promise((resolve) => setTimeout(resolve)); // what the debugger calls at once may evaluate text
    const attempts: (() => void)[] = [
      () => document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pwned=1">'),
      () => {
        document.body.innerHTML = '<p>x</p>';
      },
      () => void Object.assign(document.createElement('script'), { text: 'window.pwned=1' }),
      () => void new Function('window.pwned=1')(),
    ];
    const refusals = attempts.map((attempt) => {
      try {
        attempt();
        return 'went through';
      } catch (error) {
        return (error as Error).name;
      }
    });
    const picture = document.createElement('div');
    picture.setAttribute('style', 'display:none');
    document.body.append(picture);
    return [...refusals, getComputedStyle(picture).display, 'pwned' in window];
  });
  expect(refused).toEqual(['TypeError', 'TypeError', 'TypeError', 'EvalError', 'block', false]);
  await visitor.close();
});
