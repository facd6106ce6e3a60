/** The examples, beside the installed package as a user would copy them: one text in each home. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { installed } from './installed.ts';
import { readManifest } from './pack.ts';
import { deno, node } from './run.ts';

const { project } = installed();
const folder = join(project, 'node_modules/webgguf');
const expected = await node(project, 'node.js', 'model.gguf');

test('Node, JavaScript', () => {
  expect(expected.length).toBeGreaterThan(40);
});

test('Deno, by name', async () => {
  expect(await deno(project, 'deno.ts', 'model.gguf')).toBe(expected);
});

test('Deno, as npm:', async () => {
  const { version } = await readManifest(folder);
  const code = await readFile(join(project, 'deno.ts'), 'utf8');
  await writeFile(join(project, 'npm.ts'), code.replace('webgguf/deno', `npm:webgguf@${version}/deno`));
  expect(await deno(project, 'npm.ts', 'model.gguf')).toBe(expected);
});

test('the command line', async () => {
  const { bin } = await readManifest(folder);
  const webgguf = (...args: string[]) => node(project, join(folder, bin.webgguf!), ...args);
  expect(await readFile(join(folder, bin.webgguf!), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(await webgguf('--help')).toMatch(/^usage: webgguf COMMAND/);
  const prompt = ['-p', 'Once upon a time', '-n', '64', '--temperature', '0'];
  expect(await webgguf('generate', '-m', 'model.gguf', ...prompt)).toContain(expected);
  await writeFile(join(project, 'f32.gguf'), await randomGgufBytes(fixtures.f32));
  await webgguf('quantize', 'f32.gguf', 'q8_0.gguf', '--type', 'q8_0'); // in threads, whose file is one more entry
  expect(await webgguf('inspect', 'q8_0.gguf')).toContain('Q8_0');
});
