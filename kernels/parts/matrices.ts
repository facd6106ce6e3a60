import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Features, SubgroupMatrix } from '../../src/gpu/device.ts';
import type { Tolerance } from '../../src/gpu/kernel.ts';

/** A kernel's variant for matrix units: one of the adapter's own shapes, whose sums are f32. */
export interface MatrixVariant extends SubgroupMatrix {
  readonly by: 'matrix';
  /** Invocations of a subgroup; `sized`: which it asks for, where the device has several sizes. */
  readonly subgroup: number;
  readonly sized: boolean;
}

/** Of devices that have several sizes: Intel's, whose matrix units work for so many. */
const usualSubgroup = 16;

/**
 * Both factors rounded to f16: each product is off by 2^-11 at most, 4e-8 of the mean square; 2e-7 where SwiGLU multiplies
 * two sums of them, the largest of which are many times their root mean square: off by 6.5e-3 of it (measured, 192 values).
 */
const f16Tolerance: Tolerance = { nmse: 1e-6, max: 1e-2 };
export const matrixTolerance = (variant: { by: string; f16?: boolean }) =>
  variant.by === 'matrix' && variant.f16 ? f16Tolerance : undefined;

/** Each shape of matrices rounds in its own way. */
export const matrixOrder = ({ m, n, k, f16 }: MatrixVariant) => `matrix ${m}×${n}×${k} of ${f16 ? 'f16' : 'f32'}`;

/** A variant for each of the adapter's shapes that `fits`, the largest first. */
export function matrixVariants(features: Features, fits: (variant: MatrixVariant) => boolean): MatrixVariant[] {
  const { subgroupMatrices = [], subgroupMinSize, subgroupMaxSize, subgroupSizeControl = false } = features;
  const sized = subgroupMinSize !== subgroupMaxSize;
  if (sized && !subgroupSizeControl) return [];
  const subgroup = sized ? Math.min(subgroupMaxSize, Math.max(subgroupMinSize, usualSubgroup)) : subgroupMinSize;
  return subgroupMatrices
    .filter(({ f16 }) => !f16 || features.f16)
    .toSorted((a, b) => b.m * b.n * b.k - a.m * a.n * a.k)
    .map((matrix): MatrixVariant => ({ by: 'matrix', ...matrix, subgroup, sized }))
    .filter(fits);
}

/** The types of a variant's matrices, [m, k] by [k, n], and powers of two that keep their values in the range of f16. */
export const matrices = ({ m, n, k, f16, sized }: MatrixVariant) => wgsl`
enable subgroups;
enable chromium_experimental_subgroup_matrix;
#if ${f16}
enable f16;
#endif
#if ${sized}
enable subgroup_size_control;
#endif
diagnostic(off, chromium.subgroup_matrix_uniformity);
alias Component = ${f16 ? 'f16' : 'f32'};
alias Left = subgroup_matrix_left<Component, ${k}, ${m}>;
alias Right = subgroup_matrix_right<Component, ${n}, ${k}>;
alias Sums = subgroup_matrix_result<f32, ${n}, ${m}>;

// The power of two at or below a positive number, and one over it; of zero, such that nothing comes of it.
fn power(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7f800000u); }
fn inverse_power(x: f32) -> f32 { return bitcast<f32>(0x7f000000u - (bitcast<u32>(x) & 0x7f800000u)); }
`;

/** Of the entry point: how its workgroup divides. */
export const subgroupSize = ({ subgroup, sized }: MatrixVariant) => (sized ? `@subgroup_size(${subgroup})` : '');
