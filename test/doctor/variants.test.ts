/** Kernel variants by name, and a device that does without some. */
import { expect, test } from 'vitest';
import { add } from '../../kernels/add.ts';
import { mul_mat_vec } from '../../kernels/mul_mat_vec.ts';
import { rms_norm } from '../../kernels/rms_norm.ts';
import { brokenVariants, variantNames } from '../../src/doctor/variants.ts';
import type { CheckResult } from '../../src/gpu/check.ts';
import type { Device, Features } from '../../src/gpu/device.ts';
import { noFindings } from '../../src/gpu/findings.ts';
import { defaultVariant, interchangeableVariants, usableVariants, variantName } from '../../src/gpu/variants.ts';

const device = (...without: string[]) =>
  ({ features: { subgroups: true }, without, findings: noFindings() }) as unknown as Device;
const shape = { length: 256, eps: 1e-5 };
const shapeOfAdd = { length: 4, dstStride: 4, dstOffset: 0, srcStride: 0 };

test('a device runs the first variant that it does not do without', () => {
  expect(defaultVariant(rms_norm, shape, device())).toEqual({ subgroups: true });
  expect(defaultVariant(rms_norm, shape, device('rms_norm subgroups'))).toEqual({ subgroups: false });
  expect(usableVariants(rms_norm, shape, device('rms_norm base'))).toEqual([{ subgroups: true }]);
  expect(usableVariants(rms_norm, shape, device('add base', 'rms_norm'))).toHaveLength(2);
});

test('where none is left, an error names the kernel and what was taken from it', () => {
  expect(() => defaultVariant(add, shapeOfAdd, device('add base'))).toThrow(
    /^kernel add: no variant for length=4 .* is left on this device, without "add base"$/,
  );
});

test('interchangeable variants sum in the order of the first, while one of it is left', () => {
  const matrix = {
    type: 'Q8_0',
    activation: 'q8',
    after: 'store',
    rows: 64,
    rowLength: 64,
    dstStride: 64,
    columns: 1,
  } as const;
  const names = (cpu: boolean, ...without: string[]) => {
    const features = { subgroups: true, subgroupMinSize: 8, dp4a: true, cpu };
    const variants = interchangeableVariants(mul_mat_vec, matrix, {
      ...device(...without),
      features,
    } as unknown as Device);
    return variants.map(variantName);
  };
  const alone = ['lanes=1 invocations=64 pairs=1 dp4a', 'lanes=1 invocations=64 pairs=1'];
  const teams = ['lanes=8 invocations=256 pairs=2 subgroups dp4a', 'lanes=8 invocations=256 pairs=2 dp4a'];
  expect(names(true)).toEqual(alone);
  const wide = 'lanes=8 invocations=256 pairs=4 subgroups dp4a';
  expect(names(false)).toEqual([teams[0], wide, teams[1]]);
  expect(names(true, `mul_mat_vec ${alone[0]}`)).toEqual([alone[1]]);
  expect(names(true, ...alone.map((name) => `mul_mat_vec ${name}`))).toEqual(teams);
  expect(interchangeableVariants(add, shapeOfAdd, device())).toEqual([{}]);
});

test('every variant has a name of its own', () => {
  const names = variantNames();
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['rms_norm subgroups', 'rms_norm base', 'add base']));
});

test('broken variants are those with a failed case, once each', () => {
  const result = { case: 'a case', nmse: 0, max: 0 };
  const results: CheckResult[] = [
    { ...result, name: 'add', variant: 'base', ok: true },
    { ...result, name: 'rms_norm', variant: 'subgroups', ok: false },
    { ...result, name: 'rms_norm', variant: 'subgroups', ok: true },
    { ...result, name: 'rms_norm', variant: 'subgroups', ok: false },
    { ...result, name: 'rms_norm', variant: 'base', ok: true },
  ];
  expect(brokenVariants(results)).toEqual(['rms_norm subgroups']);
});

test('a matmul sums in one order at every width, so that a token is the same alone and beside others', () => {
  const matrix = { type: 'Q8_0', after: 'store', rows: 64, rowLength: 64, dstStride: 64 } as const;
  for (const subgroupMaxSize of [1, 4, 8, 32, 64]) {
    for (const activation of ['f32', 'q8'] as const) {
      const features = {
        subgroups: subgroupMaxSize > 1,
        subgroupMinSize: subgroupMaxSize,
        subgroupMaxSize,
        dp4a: true,
      };
      const orders = ([1, 2, 4, 8] as const).map((columns) => {
        const [first] = mul_mat_vec.variants({ ...matrix, activation, columns }, features as Features);
        return mul_mat_vec.order?.(first as NonNullable<typeof first>);
      });
      expect(new Set(orders).size).toBe(1);
    }
  }
});
