/** What the GPU refuses is said in one place, with names. */
import { expect, test } from 'vitest';
import { add, addChecks } from '../../kernels/add.ts';
import { createBuffer } from '../../src/gpu/buffers.ts';
import { checkCase, prepareTrial } from '../../src/gpu/check.ts';
import { DeviceLostError, OutOfMemoryError } from '../../src/gpu/errors.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { allResident, Recorder } from '../../src/gpu/plan.ts';
import { timeDispatches } from '../../src/gpu/timing.ts';
import { openTestDevice } from './adapter.ts';

const device = await openTestDevice();

const shape = { length: 4, dstStride: 4, dstOffset: 0, srcStride: 4 };
const withWgsl = (wgsl: string): typeof add => ({ ...add, wgsl: () => wgsl });

test('a kernel that does not compile is named, with its numbered source', async () => {
  const broken = withWgsl(`${add.wgsl(shape, {})}\nfn f() -> u32 { return 1.5; }`);
  const failure = new Pipelines(device).compile(broken, shape, {});
  await expect(failure).rejects.toThrow(/kernel add.*\n(.*\n)*\s*\d+\s+fn f\(\) -> u32/);
});

test('a kernel whose source cannot be composed is named', () => {
  const broken: Kernel<typeof shape, object> = {
    ...add,
    wgsl: () => {
      throw new Error('#endif without #if');
    },
  };
  expect(() => new Pipelines(device).compile(broken, shape, {})).toThrow(/kernel add: .*#endif without #if/);
});

test('missing and unknown bindings are named', async () => {
  const buffer = await createBuffer(device, 'b', 64);
  const uniform = await createBuffer(device, 'u', 16, 'uniform');
  const plan = (buffers: Record<string, { buffer: GPUBuffer }>) => {
    const recorder = new Recorder<object>(device, new Pipelines(device));
    recorder.dispatch(add, { shape, buffers, count: () => 1 });
    return recorder.finish(allResident);
  };
  const range = { buffer: uniform };
  await expect(plan({ src: { buffer }, range })).rejects.toThrow('kernel add: no buffer given for its binding dst');
  await expect(plan({ src: { buffer }, dst: { buffer }, range, dts: { buffer } })).rejects.toThrow(
    'kernel add: has no binding named dts',
  );
  await expect(plan({ src: range, dst: { buffer }, range })).rejects.toThrow(/kernel add: bind group: /);
});

test('too large a buffer is an OutOfMemoryError with its name and size', async () => {
  await expect(createBuffer(device, 'everything', 2 ** 40)).rejects.toThrow(OutOfMemoryError);
  await expect(createBuffer(device, 'everything', 2 ** 40)).rejects.toThrow(/everything, 1099511627776 bytes/);
});

test('a kernel that writes where it must not is caught', async () => {
  const trespasser = withWgsl(add.wgsl(shape, {}).replace('if (id.x >= LENGTH) { return; }', ''));
  const testCase = addChecks().cases[0]!;
  const result = await checkCase(device, new Pipelines(device), trespasser, testCase, {});
  expect(result.ok).toBe(false);
});

test('a wrong kernel is caught', async () => {
  const wrong = withWgsl(add.wgsl(shape, {}).replace('+=', '-='));
  const result = await checkCase(device, new Pipelines(device), wrong, addChecks().cases[0]!, {});
  expect(result.error).toMatch(/nmse .* \(allowed/);
});

test('a lost device is a DeviceLostError, once and for all', async () => {
  const doomed = await openTestDevice();
  doomed.gpu.destroy();
  await expect(doomed.unlessLost(new Promise(() => undefined))).rejects.toThrow(DeviceLostError);
  expect(() => doomed.check()).toThrow(DeviceLostError);
});

test('features and limits can be withheld', async () => {
  const small = await openTestDevice({ features: [], limits: { maxStorageBufferBindingSize: 2 ** 20 } });
  expect(small.features).toMatchObject({ f16: false, subgroups: false, dp4a: false });
  expect(small.limits.maxStorageBufferBindingSize).toBe(2 ** 20);
  expect(small.gpu.features.has('shader-f16')).toBe(false);
});

test('dispatches are timed on the GPU', async () => {
  const bench = addChecks().benches[0]!;
  const prepared = await prepareTrial(device, new Pipelines(device), add, bench.shape, {}, bench.trial());
  const [first, second] = await timeDispatches(device, [prepared, prepared], 3);
  prepared.destroy();
  expect(first).toBeGreaterThan(0);
  expect(second).toBeGreaterThan(0);
});
