/** Kernels for matrix units, whose arithmetic no adapter here has: with emulated matrices they are held to their references. */
import { describe, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import type { MatrixVariant } from '../../kernels/parts/matrices.ts';
import { checkCase } from '../../src/gpu/check.ts';
import type { CheckedKernel } from '../../src/gpu/kernel.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { openTestDevice } from '../gpu/adapter.ts';
import { emulateMatrices } from './emulated_matrices.ts';

const device = await openTestDevice();
const pipelines = new Pipelines(device);

const vendors = [
  ['NVIDIA', { m: 16, n: 16, k: 16, f16: true }, [32, 32]],
  ['Intel', { m: 8, n: 16, k: 16, f16: true }, [8, 32]],
  ['Apple', { m: 8, n: 8, k: 8, f16: false }, [32, 32]],
] as const;

const cases = [
  ['mul_mat', 'Q8_0×q8 store 130×512 n=9 start=1'],
  ['mul_mat', 'Q8_0×q8 swiglu 66×192 n=17 rowStart=64'],
  ['flash_attn', 'f16 4/2×16 at=3 n=33 per item=32'],
  ['flash_attn', 'f16 4/2×16 at=3 n=513 per item=32'],
  ['flash_attn', 'q8_0 4/2×32 at=70 n=5 per item=4'],
] as const;

describe.each(vendors)('%s: %o', (_, matrix, [subgroupMinSize, subgroupMaxSize]) => {
  const features = { ...device.features, subgroupMinSize, subgroupMaxSize, subgroupMatrices: [matrix] };
  test.each(cases)('%s %s', async (name, id) => {
    const kernel = kernels.find((each) => each.name === name)!;
    const testCase = kernel.checks().cases.find((each) => each.id === id)!;
    const [variant] = kernel.variants(testCase.shape, features).filter(({ by }) => by === 'matrix');
    const emulated: CheckedKernel = {
      ...kernel,
      wgsl: (shape, variant: MatrixVariant) => emulateMatrices(kernel.wgsl(shape, variant), variant),
    };
    const { error } = await checkCase(device, pipelines, emulated, testCase, variant);
    expect(error).toBeUndefined();
  });
});
