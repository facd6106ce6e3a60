/** The names and kinds of a model that `load` takes, without a GPU. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import { closeGguf, splitFileName } from '../../src/gguf/open.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';
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
  ['a File in a list', page, [new File([bytes], 'chosen.gguf')], 'chosen.gguf'],
  ['bytes', page, await readFile(path), 'bytes'],
  ['a source', page, bytesSource(bytes, 'mine'), 'mine'],
])('%s', async (_, places, source, name) => {
  const gguf = await openModelIn(places, source);
  expect(gguf.sources[0]!.name).toBe(name);
  expect(gguf.metadata.string('general.architecture')).toBe('llama');
  await closeGguf(gguf);
});

describe('files chosen together', () => {
  test('are one model, in any order', async () => {
    const [first, second, third] = await splitFiles('x', 3);
    const { sources, tensors } = await openModelIn(page, [third!, first!, second!]);
    expect(sources.map(({ name }) => name)).toEqual([first!.name, second!.name, third!.name]);
    expect([...tensors.keys()]).toEqual(['t0', 't1', 't2']);
  });

  const one = splitFiles('x', 2);
  const other = splitFiles('y', 2);
  const [firstName, secondName] = ['x-00001-of-00002.gguf', 'x-00002-of-00002.gguf'];
  test.each<[string, () => Promise<File[]>, string]>([
    ['none', async () => [], 'files: none is chosen; choose a .gguf file'],
    [
      'the last file is missing',
      async () => (await one).slice(0, 1),
      `${firstName}: is a split model whose file "${secondName}" can't be opened: ${secondName}: is not among the chosen files; choose all files of the split`,
    ],
    [
      'the first file is missing',
      async () => (await one).slice(1),
      `${secondName}: is file 2 of 2 of a split; open the first, "${firstName}"`,
    ],
    [
      'a file of another split',
      async () => [...(await one), (await other)[1]!],
      `y-00002-of-00002.gguf: is no other file of "${firstName}"; choose the files of one model`,
    ],
    [
      'two models',
      async () => [new File([bytes], 'b.gguf'), new File([bytes], 'a.gguf')],
      'b.gguf: is no other file of "a.gguf"; choose the files of one model',
    ],
    [
      'a file twice',
      async () => [...(await one), (await one)[1]!],
      `${secondName}: is no other file of "${firstName}"; choose the files of one model`,
    ],
  ])('%s: one clear line', async (_, files, message) => {
    await expect(openModelIn(page, await files())).rejects.toThrow(
      expect.objectContaining({ name: 'GgufError', message }),
    );
  });
});

/** A split of one tensor a file. */
function splitFiles(prefix: string, fileCount: number): Promise<File[]> {
  const part = async (_: unknown, no: number) => {
    const tensor = { name: `t${no}`, type: ggmlType('F32'), dimensions: [4] };
    const split = await encodeGguf(
      [
        ['split.no', { type: 'uint16', value: no }],
        ['split.count', { type: 'uint16', value: fileCount }],
        ['split.tensors.count', { type: 'int32', value: fileCount }],
      ],
      [tensor],
    );
    return new File([split], splitFileName(prefix, no, fileCount));
  };
  return Promise.all(Array.from({ length: fileCount }, part));
}
