/** `doctor` in a package without the built-in model. */
import { describe, expect, test, vi } from 'vitest';
import type * as Kernels from '../../kernels/index.ts';
import { run } from '../../src/cli/doctor.ts';
import { runHere } from '../cli/command.ts';
import { adapterName } from './adapter.ts';

vi.mock('../../src/cli/builtin_model.ts', () => ({ builtinModel: '/nowhere.gguf', hasBuiltinModel: () => false }));

// What is printed of one is printed of all
vi.mock('../../kernels/index.ts', async (importOriginal) => {
  const { kernels } = await importOriginal<typeof Kernels>();
  return { kernels: kernels.filter(({ name }) => name === 'add') };
});

describe.runIf(adapterName === 'lavapipe')('without the built-in model', () => {
  test('doctor says so in a line, and passes', async () => {
    const { code, stdout } = await runHere(run);
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(-3)).toEqual([
      expect.stringMatching(/^add {15}2 of 2 right, largest nmse /),
      'model             not checked: /nowhere.gguf is missing',
      '',
    ]);
  });

  test('--json has null in its place', async () => {
    const { stdout } = await runHere(run, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ model: null, without: [], ok: true });
  });
});
