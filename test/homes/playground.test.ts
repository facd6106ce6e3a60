/** The playground as it is built and served: small, under its policy, and it answers as Node does. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import puppeteer, { type ElementHandle } from 'puppeteer';
import { build, preview } from 'vite';
import { afterAll, expect, test } from 'vitest';
import { findBrowser } from '../../src/runtime/find_browser.ts';
import { load } from '../../src/runtime/node.ts';
import { sendRange, serve } from '../gguf/test_server.ts';
import { flags } from './chromium.ts';

const root = fileURLToPath(new URL('../../demo/', import.meta.url));
const outDir = await mkdtemp(join(tmpdir(), 'webgguf-playground-'));
afterAll(() => rm(outDir, { recursive: true }));
const pocket = fileURLToPath(new URL('../../models/pocket-q8_0.gguf', import.meta.url));
await build({ root, build: { outDir, emptyOutDir: true }, logLevel: 'error' });
const site = await preview({ root, build: { outDir }, preview: { host: '127.0.0.1', port: 0 }, logLevel: 'error' });
afterAll(() => site.close());
const address = `http://127.0.0.1:${(site.httpServer.address() as AddressInfo).port}/`;

const bytes = new Uint8Array(await readFile(pocket));
const models = await serve((request, response) => {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('access-control-expose-headers', 'content-range, etag');
  sendRange(request, response, bytes);
});
afterAll(() => models[Symbol.asyncDispose]());

const browser = await puppeteer.launch({ executablePath: findBrowser()!, args: flags, protocolTimeout: 600_000 });
afterAll(() => browser.close());
const page = await browser.newPage();
const errors: string[] = [];
page.on('pageerror', (error) => errors.push(String(error)));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
const timeout = 100_000;
const question = '¿Cuál es la capital de Portugal?';
const ask = async () => {
  await page.waitForSelector('#question', { timeout });
  await page.type('#question', question);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.answer .stats', { timeout });
  return page.$eval('.answer .markdown', ({ textContent }) => textContent?.trim());
};

test('all that a first view loads is under 300 kB, compressed', async () => {
  const names = (await readdir(outDir, { recursive: true })).filter((name) => /\.(html|js|css|svg)$/.test(name));
  const sizes = await Promise.all(names.map(async (name) => gzipSync(await readFile(join(outDir, name))).length));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
});

test('a model by link: its header first, then stored, and there after a reload without its server; answers as Node', async () => {
  const response = await page.goto(address);
  expect(response!.headers()['content-security-policy']).toMatch(/default-src 'none'; script-src 'self';/);
  await page.waitForSelector('#link');
  await page.type('#link', `${models.url}/pocket.gguf`);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#load', { timeout });
  expect(await page.$eval('#verdict', ({ textContent }) => textContent)).toMatch(/^Fits: all \d+ layers/);
  await page.click('#load');
  const answer = await ask();

  await using llm = await load(pocket);
  const tokens = await Array.fromAsync(llm.chat([{ role: 'user', content: question }]), ({ text }) => text);
  expect(answer).toBe(tokens.join('').trim());

  models.requests.length = 0;
  await page.reload();
  await page.waitForSelector('.list li button');
  await page.click('.list li button');
  await page.waitForSelector('#load', { timeout });
  await page.click('#load');
  expect(await ask()).toBe(answer);
  expect(models.requests).toEqual([]);
  expect(errors).toEqual([]);
}, 300_000);

test('a file', async () => {
  await page.goto(address);
  const input = (await page.waitForSelector('#files')) as ElementHandle<HTMLInputElement>;
  await input.uploadFile(pocket);
  await page.waitForSelector('#load', { timeout });
  await page.click('#load');
  await page.waitForSelector('#question', { timeout });
  expect(errors).toEqual([]);
}, 300_000);
