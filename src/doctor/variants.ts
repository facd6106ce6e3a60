/** Kernel variants by name: those that there are, and those that fail. */
import { kernels } from '../../kernels/index.ts';
import type { CheckResult } from '../gpu/check.ts';
import type { Features } from '../gpu/device.ts';
import { fullVariantName } from '../gpu/variants.ts';

/** A GPU that offers every variant there is for one. */
export const everyFeature: Features = {
  f16: true,
  subgroups: true,
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
  dp4a: true,
  timestamps: true,
  subgroupSizeControl: true,
  subgroupMatrices: [
    { m: 16, n: 16, k: 16, f16: true },
    { m: 8, n: 8, k: 8, f16: false },
  ],
  cpu: false,
};

/** Devices that offer every variant between them. */
export const everyDevice: readonly Features[] = [4, 8, 16, 32].map((size) => ({
  ...everyFeature,
  subgroupMinSize: size,
  subgroupMaxSize: size,
  cpu: size < 16,
}));

/** Every variant of every kernel, on whatever device: `rms_norm subgroups`. */
export function variantNames(): string[] {
  const names = kernels.flatMap((kernel) => {
    const shapes = kernel.checks().cases.map(({ shape }) => shape);
    const variants = shapes.flatMap((shape) => everyDevice.flatMap((features) => kernel.variants(shape, features)));
    return variants.map((variant) => fullVariantName(kernel, variant));
  });
  return [...new Set(names)];
}

/** The variants that failed in one case at least: what a device must do without. */
export function brokenVariants(results: readonly CheckResult[]): string[] {
  const failed = results.filter(({ ok }) => !ok);
  return [...new Set(failed.map(({ name, variant }) => `${name} ${variant}`))];
}
