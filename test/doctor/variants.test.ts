/** Kernel variants by name, and a device that does without some. */
import { expect, test } from 'vitest';
import { add } from '../../kernels/add.ts';
import { rms_norm } from '../../kernels/rms_norm.ts';
import { brokenVariants, variantNames } from '../../src/doctor/variants.ts';
import type { CheckResult } from '../../src/gpu/check.ts';
import type { Device } from '../../src/gpu/device.ts';
import { defaultVariant, usableVariants } from '../../src/gpu/variants.ts';

const device = (...without: string[]) => ({ features: { subgroups: true }, without }) as unknown as Device;
const shape = { length: 256, eps: 1e-5 };

test('a device runs the first variant that it does not do without', () => {
  expect(defaultVariant(rms_norm, shape, device())).toEqual({ subgroups: true });
  expect(defaultVariant(rms_norm, shape, device('rms_norm subgroups'))).toEqual({ subgroups: false });
  expect(usableVariants(rms_norm, shape, device('rms_norm base'))).toEqual([{ subgroups: true }]);
  expect(usableVariants(rms_norm, shape, device('add base', 'rms_norm'))).toHaveLength(2);
});

test('where none is left, an error names the kernel and what was taken from it', () => {
  const shapeOfAdd = { length: 4, dstStride: 4, dstOffset: 0, srcStride: 0 };
  expect(() => defaultVariant(add, shapeOfAdd, device('add base'))).toThrow(
    /^kernel add: no variant for length=4 .* is left on this device, without "add base"$/,
  );
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
