/** A device on which one variant of one kernel computes wrongly: `doctor` names it, and models run without it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type * as Registry from '../../kernels/index.ts';
import type * as Kernels from '../../kernels/rms_norm.ts';
import { rms_norm, rmsNormChecks } from '../../kernels/rms_norm.ts';
import { run } from '../../src/cli/doctor.ts';
import { checkModel } from '../../src/doctor/check_model.ts';
import { Ground } from '../../src/gpu/course.ts';
import { FindingsCache } from '../../src/gpu/findings_cache.ts';
import { tune } from '../../src/gpu/tune.ts';
import type { LoadOptions } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { nodeCache } from '../../src/runtime/node_cache.ts';
import { runHere } from '../cli/command.ts';
import { readPocket } from '../doctor/pocket.ts';
import { adapterName, openTestDevice } from './adapter.ts';
import { recordedCase } from './recorded_case.ts';

// As where a driver's subgroupAdd sums too little
vi.mock('../../kernels/rms_norm.ts', async (importOriginal) => {
  const { rms_norm, ...others } = await importOriginal<typeof Kernels>();
  const wgsl: typeof rms_norm.wgsl = (...args) => rms_norm.wgsl(...args).replace('subgroupAdd(value)', '(value)');
  return { ...others, rms_norm: { ...rms_norm, wgsl } };
});

// CPU drivers compile these for minutes, and kernels.test.ts goes through all their cases
vi.mock('../../kernels/index.ts', async (importOriginal) => {
  const compiledLong = ['mul_mat', 'mul_mat_vec', 'flash_attn'];
  const { kernels } = await importOriginal<typeof Registry>();
  return { kernels: kernels.filter(({ name }) => !compiledLong.includes(name)) };
});

describe.runIf(adapterName === 'lavapipe')('subgroups of rms_norm are wrong', () => {
  const broken = 'rms_norm subgroups';

  test('doctor names this variant and no other, and the model is right without it', async () => {
    const { code, stdout } = await runHere(run, '--json');
    const { kernels, without, model, ok } = JSON.parse(stdout);
    const failed = kernels.filter((each: { ok: boolean }) => !each.ok);
    expect(new Set(failed.map(({ name, variant }: Record<string, string>) => `${name} ${variant}`))).toEqual(
      new Set([broken]),
    );
    expect({ code, ok, without }).toEqual({ code: 1, ok: false, without: [broken] });
    expect(model).toMatchObject({ exact: { ok: true, error: null }, fast: { ok: true, error: null } });
  });

  test('its last line says what to pass to other commands', async () => {
    const { stdout, stderr } = await runHere(run, '--kernel', 'rms_norm');
    expect(stdout).toMatch(
      /^rms_norm {10}4 of 8 right.*\n( {2}FAILED .*\[subgroups\]: .*\n){4}broken {12}rms_norm subgroups$/m,
    );
    expect(stderr).toBe(
      "error: 1 kernel variant is wrong on this device; to other commands, pass --without 'rms_norm subgroups'",
    );
  });

  test('a model that runs with it is wrong, and one without it says what was recorded', async () => {
    const { bytes, golden } = await readPocket();
    const [check] = await Array.fromAsync(checkModel(load, bytes, golden, { precisions: ['exact'] }));
    expect(check).toMatchObject({ ok: false, error: expect.stringMatching(/^nmse /) });
    expect(await answer({ deviceOptions: { without: [broken] } })).toEqual(golden.exact.tokens);
  });

  test('what tuning has found of it is kept: doctor tells, and the next model is right by itself', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'webgguf-tuning-'));
    vi.stubEnv('WEBGGUF_CACHE', folder);
    const device = await openTestDevice();
    const { recorder, pipelines, trial } = await recordedCase(device, rms_norm, rmsNormChecks().cases[0]!);
    await tune(device, new Ground(recorder, pipelines, []).courses([trial]), { milliseconds: 60_000, rounds: 3 });
    await new FindingsCache(nodeCache(), 'dawn').keep(device);

    const { stdout } = await runHere(run, '--kernel', 'add');
    const shape = /length=64 eps=\S+/.source;
    expect(stdout).toMatch(new RegExp(`^dropped {3}${broken}: dst of ${shape} is not what "base" makes it$`, 'm'));
    expect(stdout).toContain(`kept in ${folder}`);
    const { golden } = await readPocket();
    expect(await answer({})).toEqual(golden.exact.tokens);
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  async function answer(options: LoadOptions): Promise<number[]> {
    const { bytes, golden } = await readPocket();
    await using llm = await load(bytes, { precision: 'exact', ...options });
    const stream = llm.chat(golden.messages, { temperature: 0, maxTokens: golden.exact.tokens.length });
    return await Array.fromAsync(stream, ({ id }) => id);
  }
});
