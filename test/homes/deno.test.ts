/** Deno's own WebGPU on lavapipe: the kernels, and the tokens that Node gives. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { hasSharedData } from '../fixtures/shared_data.ts';
import { deno } from './command.ts';
import { writeModel } from './model_file.ts';
import { realModels } from './node_cases.ts';

const model = await writeModel();
afterAll(() => model[Symbol.asyncDispose]());

const inDeno = async (what: string, path = '') => JSON.parse(await deno('test/homes/in_deno.ts', what, path));

// Node goes through all cases on the same lavapipe; here it is wgpu's compiler and limits
test('every kernel, in every variant', async () => {
  const report = await inDeno('kernels');
  expect(report.failures).toEqual([]);
  expect(report.kernels).toEqual(kernels.map(({ name }) => name));
}, 300_000); // Mesa compiles each pipeline for the first time: a minute on two cores

test('the built-in model, as it was recorded', async () => {
  const path = join(import.meta.dirname, '../../models/pocket-q8_0.gguf');
  expect(await inDeno('doctor', path)).toEqual({ exact: 'right', fast: 'right' });
}, 300_000);

test('conformance', async () => {
  const { checks, failures } = await inDeno('conformance', model.path);
  expect(failures).toEqual([]);
  expect(checks.length).toBeGreaterThan(10);
}, 300_000);

test.runIf(hasSharedData)(
  'real models go on as llama.cpp does, or as in Node',
  async () => {
    const cases = await realModels();
    const file = `${model.folder}/cases.json`;
    await writeFile(file, JSON.stringify(cases));
    expect(await inDeno('continuations', file)).toEqual(cases.map(({ expected }) => expected));
  },
  300_000,
);

test('reads in flight at once do not disturb each other', async () => {
  expect(await inDeno('reads', model.path)).toEqual([]);
});

test('texts are kept in the cache folder, whole', async () => {
  vi.stubEnv('WEBGGUF_CACHE', `${model.folder}/cache`);
  expect(await inDeno('cache')).toEqual(['second', null, null]);
  expect(await readdir(`${model.folder}/cache`)).toEqual(['test.json']);
  vi.unstubAllEnvs();
});

describe('a file that does not open', () => {
  test.each([
    ['/nowhere/x.gguf', 'there is no such file'],
    [model.folder, 'is a folder'],
  ])('%s', async (path, words) => {
    await expect(inDeno('reads', path)).rejects.toThrow(words);
  });
});
