/** The names and kinds of a model that `load` takes, without a GPU. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { closeGguf } from '../../src/gguf/open.ts';
import { openModelIn, type Places, type Source } from '../../src/runtime/model_source.ts';
import { createFile, nodePlaces } from '../../src/runtime/node_file.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { sendRange, serve } from '../gguf/test_server.ts';

const folder = await mkdtemp(join(tmpdir(), 'webgguf-'));
afterAll(() => rm(folder, { recursive: true }));
const bytes = await randomGgufBytes(fixtures.oneBlock);
const path = join(folder, 'a model.gguf');
const file = await createFile(path);
await file.write(bytes);
await file.finish();
const server = await serve((request, response) => sendRange(request, response, bytes));
afterAll(() => server[Symbol.asyncDispose]());

const page: Places = { hub: () => ({}), baseUrl: () => `${server.url}/folder/page.html` };

test.each<[string, Places, Source, string]>([
  ['a path', nodePlaces, path, path],
  ["a file's URL", nodePlaces, pathToFileURL(path), path],
  ["a file's URL as text", nodePlaces, pathToFileURL(path).href, path],
  ['a web URL', nodePlaces, new URL(`${server.url}/x.gguf`), `${server.url}/x.gguf`],
  ['a web URL as text', nodePlaces, `${server.url}/x.gguf`, `${server.url}/x.gguf`],
  ['an address relative to the page', page, 'x.gguf', `${server.url}/folder/x.gguf`],
  ["an address on the page's server", page, '/x.gguf', `${server.url}/x.gguf`],
  ['a File', page, new File([bytes], 'chosen.gguf'), 'chosen.gguf'],
  ['bytes', page, await readFile(path), 'bytes'],
  ['a source', page, bytesSource(bytes, 'mine'), 'mine'],
])('%s', async (_, places, source, name) => {
  const gguf = await openModelIn(places, source);
  expect(gguf.sources[0]!.name).toBe(name);
  expect(gguf.metadata.string('general.architecture')).toBe('llama');
  await closeGguf(gguf);
});
