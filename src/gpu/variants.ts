/** Which of a kernel's variants a device runs. */
import type { Device } from './device.ts';
import { GpuError } from './errors.ts';
import type { AnyKernel, Kernel } from './kernel.ts';
import { describe } from './pipelines.ts';

/** A variant among its kernel's: `subgroups`, or `base` where nothing is special about it. */
export function variantName(variant: object): string {
  return describe(variant) || 'base';
}

/** A variant among all: `rms_norm subgroups`. */
export function fullVariantName({ name }: AnyKernel, variant: object): string {
  return `${name} ${variantName(variant)}`;
}

/** What this device may run, the default first: what was found wrong here is left out, as long as anything else is left. */
export function usableVariants<S extends object, V extends object>(
  kernel: Kernel<S, V>,
  shape: S,
  { features, without, findings: { dropped } }: Device,
): readonly V[] {
  const allowed = kernel
    .variants(shape, features)
    .filter((variant) => !without.includes(fullVariantName(kernel, variant)));
  const right = allowed.filter((variant) => !dropped.has(fullVariantName(kernel, variant)));
  return right.length > 0 ? right : allowed;
}

/**
 * The variants of one order that this device may run: they give the same bits, and any of them may run. That of the first
 * variant, as long as one of it is left: what a device does without changes its results where nothing else is right.
 */
export function interchangeableVariants<S extends object, V extends object>(
  kernel: Kernel<S, V>,
  shape: S,
  device: Device,
): readonly V[] {
  const usable = usableVariants(kernel, shape, device);
  const ofOrder = (order: string | undefined) => usable.filter((variant) => kernel.order?.(variant) === order);
  const [first] = kernel.variants(shape, device.features);
  const variants = first ? ofOrder(kernel.order?.(first)) : [];
  if (variants.length > 0) return variants;
  return usable[0] ? ofOrder(kernel.order?.(usable[0])) : [];
}

/** The variant a device runs where nobody has measured: the first of those. */
export function defaultVariant<S extends object, V extends object>(kernel: Kernel<S, V>, shape: S, device: Device): V {
  const [variant] = interchangeableVariants(kernel, shape, device);
  if (variant) return variant;
  const refused = kernel.variants(shape, device.features).map((each) => `"${fullVariantName(kernel, each)}"`);
  throw new GpuError(
    `kernel ${kernel.name}: no variant for ${describe(shape)} is left on this device, without ${refused.join(', ')}`,
  );
}

/** A kernel on a shape, as findings name it: `rms_norm length=512 eps=0.00001`. */
export function shapeName({ name }: AnyKernel, shape: object): string {
  return `${name} ${describe(shape)}`;
}

/** The variant a device runs: the fastest that was found, or the default. */
export function chosenVariant<S extends object, V extends object>(kernel: Kernel<S, V>, shape: S, device: Device): V {
  const best = device.findings.races.get(shapeName(kernel, shape))?.best;
  const variants = best === undefined ? [] : interchangeableVariants(kernel, shape, device);
  return variants.find((variant) => variantName(variant) === best) ?? defaultVariant(kernel, shape, device);
}
