/** Kernels for matrix units compile in Dawn for the shapes that GPUs have; where an adapter has them, their cases run too. */
import { expect, test } from 'vitest';
import { create, globals } from 'webgpu';
import { kernels } from '../../kernels/index.ts';
import { everyFeature } from '../../src/doctor/variants.ts';
import { adoptDevice } from '../../src/gpu/device.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';

Object.assign(globalThis, globals);

/** Dawn's backend that compiles and validates everything, and computes nothing. */
const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);

async function nullDevice() {
  const adapter = await gpu.requestAdapter();
  const requiredFeatures = [
    'subgroups',
    'subgroup-size-control',
    'shader-f16',
    'chromium-experimental-subgroup-matrix',
  ];
  return adoptDevice(await adapter!.requestDevice({ requiredFeatures: requiredFeatures as GPUFeatureName[] }));
}

test.each([
  ['NVIDIA', { m: 16, n: 16, k: 16, f16: true }, [32, 32]],
  ['NVIDIA', { m: 16, n: 8, k: 16, f16: true }, [32, 32]],
  ['NVIDIA', { m: 16, n: 8, k: 8, f16: true }, [32, 32]],
  ['Intel', { m: 8, n: 16, k: 16, f16: true }, [8, 32]],
  ['Apple', { m: 8, n: 8, k: 8, f16: false }, [32, 32]],
] as const)('%s: %o, subgroups of %o', async (_, matrix, [subgroupMinSize, subgroupMaxSize]) => {
  const device = await nullDevice();
  const pipelines = new Pipelines(device);
  const features = { ...everyFeature, subgroupMinSize, subgroupMaxSize, subgroupMatrices: [matrix] };
  const compiled = new Set<string>();
  for (const kernel of kernels) {
    const { cases, benches } = kernel.checks();
    for (const { shape } of [...cases, ...benches]) {
      for (const variant of kernel.variants(shape, features).filter(({ by }) => by === 'matrix')) {
        await pipelines.compile(kernel, shape, variant);
        compiled.add(kernel.name);
      }
    }
  }
  device.check();
  expect([...compiled]).toEqual(['mul_mat', 'flash_attn']);
  device.destroy();
});
