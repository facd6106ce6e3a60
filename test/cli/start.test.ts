/** `npm start` and `webgguf chat` with the built-in model, in processes of their own and without a terminal. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { builtinModel } from '../../src/cli/builtin_model.ts';
import { lavapipe } from '../../vitest.config.ts';

const speeds = /^prompt \d+ at [\d.]+ tok\/s, then (\d+) at [\d.]+ tok\/s/gm;

/** Runs `src/cli/NAME.ts` with `input` on stdin, far from the checkout. */
async function run(name: string, args: readonly string[], input = '') {
  const path = fileURLToPath(new URL(`../../src/cli/${name}.ts`, import.meta.url));
  const done = promisify(execFile)(process.execPath, [path, ...args], {
    cwd: '/',
    env: { ...process.env, ...lavapipe },
  });
  done.child.stdin!.end(input);
  return done.then((output) => ({ ...output, code: 0 })).catch((error) => error as typeof error & { code: number });
}

test('start: three questions, each with an answer that ends by itself, and its speeds', async () => {
  const { code, stdout, stderr } = await run('start', []);
  expect(stderr).toMatch(/^Pocket, the built-in model, on .*llvmpipe/m);
  const answers = [...stdout.matchAll(/^> (.+)\n([\s\S]+?)\n\n/gm)].map(([, question, answer]) => [question, answer]);
  expect(answers).toEqual([
    ['Hola, me llamo Marta.', 'Mucho gusto, Marta.'],
    ['Zein da Portugalen hiriburua?', 'Portugalen hiriburua Lisboa da.'],
    ['What is my name?', 'Your name is Marta.'],
  ]);
  const tokens = [...stderr.matchAll(speeds)].map(([, count]) => Number(count));
  expect(tokens).toHaveLength(3);
  expect(Math.max(...tokens)).toBeLessThan(100); // 128 would be the limit
  expect(code).toBe(0);
});

test('start with -m: a conversation with that model, or with -p its text', async () => {
  const chat = await run('start', ['-m', builtinModel], 'Hola, me llamo Marta.\n');
  expect(chat.stdout).toMatch(/\S.*\n$/);
  expect(chat.stderr).not.toContain('built-in');

  const { stdout, code } = await run('start', ['-m', builtinModel, '-p', 'Había una vez', '-n', '4']);
  expect({ said: stdout.trim() !== '', code }).toEqual({ said: true, code: 0 });
});

test('chat without -m: the built-in model, and stderr says so; generate wants a name', async () => {
  const { code, stdout, stderr } = await run('main', ['chat', '--temperature', '0'], 'Hola, me llamo Marta.\n');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'Mucho gusto, Marta.\n' });
  expect(stderr).toMatch(/^This is Pocket, the built-in model.* webgguf chat -m MODEL\.gguf$/m);

  const generate = await run('main', ['generate']);
  expect(generate.code).toBe(2);
  expect(generate.stderr).toMatch(/^name the model with -m\n/);
});
