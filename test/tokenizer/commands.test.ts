import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run as detokenize } from '../../src/cli/detokenize.ts';
import { run as tokenize } from '../../src/cli/tokenize.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';
import { captureOutput } from '../cli/command.ts';
import { llamaVocabulary } from './vocabularies.ts';

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webgguf-tokenize-'));
  model = join(folder, 'model.gguf');
  await writeFile(model, await encodeGguf(llamaVocabulary(['▁a', 'a', '▁', 'b', '\n', 'é']).entries()));
});
afterAll(() => rm(folder, { recursive: true }));

const output = captureOutput();

test('a line of ids per text', async () => {
  expect(await tokenize(['-m', model, '-p', 'a b'])).toBe(0);
  expect(output.stdout).toBe('261 263 264\n');
  output.stdout = '';
  const file = join(folder, 'texts.json');
  await writeFile(file, JSON.stringify(['a', '', { text: '</s>a', lang: 'en' }]));
  expect(await tokenize(['-m', model, '--texts', file, '--bos', '--parse-special'])).toBe(0);
  expect(output.stdout).toBe('1 261\n1\n1 2 261\n');
});

test('--space-prefix and --nfc', async () => {
  await tokenize(['-m', model, '-p', 'ae\u0301', '--space-prefix', 'never', '--nfc']);
  expect(output.stdout).toBe('262 266\n');
});

test('the text of ids, byte for byte', async () => {
  expect(await detokenize(['-m', model, '--tokens', '1,261, 265'])).toBe(0);
  expect(output.stdout).toBe('a\n');
  output.stdout = '';
  await detokenize(['-m', model, '--tokens', '1 2', '--special']);
  expect(output.stdout).toBe('<s></s>');
});

test.each([
  ['no model', tokenize, ['-p', 'x'], /name the model/],
  ['no text', tokenize, ['-m', 'x.gguf'], /give the text/],
  ['two texts', tokenize, ['-m', 'x.gguf', '-p', 'x', '--texts', 'y'], /give the text/],
  ['an unknown option', tokenize, ['--nonsense'], /nonsense/],
  ['a wrong prefix', tokenize, ['-m', 'x.gguf', '-p', 'x', '--space-prefix', 'always'], /"always"/],
  ['no ids', detokenize, ['-m', 'x.gguf'], /--tokens/],
  ['wrong ids', detokenize, ['-m', 'x.gguf', '--tokens', '1,x'], /"x"/],
])('%s is a usage error', async (_, run, args, message) => {
  expect(await run(args)).toBe(2);
  expect(output.stderr).toMatch(message);
  expect(output.stderr).toMatch(/usage: webgguf/);
});

test('a failure is one line', async () => {
  expect(await tokenize(['-m', join(folder, 'absent.gguf'), '-p', 'x'])).toBe(1);
  expect(await detokenize(['-m', model, '--tokens', '999'])).toBe(1);
  expect(output.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/absent/), expect.stringMatching(/999/)]);
});
