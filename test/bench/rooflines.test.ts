/** Rooflines compile for every feature that a device may have; Dawn's null backend checks them, and computes nothing. */
import { afterAll, expect, test } from 'vitest';
import { create, globals } from 'webgpu';
import { rooflines } from '../../src/bench/rooflines/index.ts';
import { everyFeature } from '../../src/doctor/variants.ts';
import { adoptDevice } from '../../src/gpu/device.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
afterAll(() => gpu); // Dawn crashes where the instance is collected before its devices

test('each in every variant', async () => {
  const adapter = await gpu.requestAdapter();
  const requiredFeatures = ['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
  const device = adoptDevice(await adapter!.requestDevice({ requiredFeatures }));
  const pipelines = new Pipelines(device);
  for (const roofline of rooflines) {
    const shape = roofline.limits === 'memory' ? { byteLength: 2 ** 20 } : { invocations: 2 ** 12, steps: 16 };
    const variants = roofline.variants(shape, everyFeature);
    expect(variants.length, roofline.name).toBeGreaterThan(1);
    for (const variant of variants) {
      const { bindings } = await pipelines.compile(roofline, shape, variant);
      expect(Object.keys(roofline.buffers(shape, variant))).toEqual(bindings.map(({ name }) => name));
      expect(roofline.work(shape, variant)).toBeGreaterThan(2 ** 20);
    }
  }
  device.check();
  device.destroy();
});
