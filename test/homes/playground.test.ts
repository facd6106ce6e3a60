/** The playground as it is built and served: small, under its policy, and it answers as Node does. All else is `npm run test:playground`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { load } from '../../src/runtime/node.ts';
import { serveModels } from '../playground/model_server.ts';
import { openSite, pocketPath } from '../playground/site.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());
const models = await serveModels({ 'pocket.gguf': { bytes: new Uint8Array(await readFile(pocketPath)) } });
afterAll(() => models[Symbol.asyncDispose]());
const question = '¿Cuál es la capital de Portugal?';

test('all that a first view loads is under 300 kB, compressed', async () => {
  const names = (await readdir(site.folder, { recursive: true })).filter((name) => /\.(html|js|css|svg)$/.test(name));
  const sizes = await Promise.all(names.map(async (name) => gzipSync(await readFile(join(site.folder, name))).length));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
});

test('a model by link: its header first, then stored, and there after a reload without its server; answers as Node', async () => {
  const visitor = await site.visit();
  await visitor.openLink(`${models.url}/pocket.gguf`);
  expect(await visitor.text('#verdict')).toMatch(/^Fits: all \d+ layers/);
  await visitor.load();
  const answer = await visitor.answerTo(question);

  await using llm = await load(pocketPath);
  const tokens = await Array.fromAsync(llm.chat([{ role: 'user', content: question }]), ({ text }) => text);
  expect(answer).toBe(tokens.join('').trim());

  models.asked.length = 0;
  await visitor.reload();
  await visitor.openStored();
  await visitor.load();
  expect(await visitor.answerTo(question)).toBe(answer);
  expect(models.asked).toEqual([]);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
}, 300_000);
