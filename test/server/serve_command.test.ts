/** The command's options, and how it fails. */
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { run } from '../../src/cli/serve.ts';
import { runHere } from '../cli/command.ts';

test('--help tells the options', async () => {
  const { code, stdout } = await runHere(run, '--help');
  expect(code).toBe(0);
  for (const option of ['--api-key', '--parallel', '--queue', '--strict-model', '--cors'])
    expect(stdout).toContain(option);
});

test.each([
  [['--port', 'x'], /^--port takes/],
  [['--api-key', ' '], /^--api-key takes a key/],
  [['--max-body', 'much'], /^--max-body takes a size/],
  [['--precision', 'best'], /^--precision is exact or fast/],
  [['--parallel', '0'], /^--parallel takes/],
  [['--nonsense'], /--nonsense/],
])('%j is used wrongly', async (args, words) => {
  const { code, stderr } = await runHere(run, ...args);
  expect([code, words.test(stderr)]).toEqual([2, true]);
});

test('a model that is not there, and a port that is taken: one line, and the end', async () => {
  const missing = await runHere(run, '-m', '/nowhere/x.gguf');
  expect([missing.code, missing.stderr]).toEqual([1, 'error: /nowhere/x.gguf: there is no such file']);
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const taken = await runHere(run, '--port', String(port));
  other.close();
  expect(taken.code).toBe(1);
  expect(taken.stderr).toMatch(/EADDRINUSE/);
});
