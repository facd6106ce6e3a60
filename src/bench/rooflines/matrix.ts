/**
 * matrix: products of matrices by whole subgroups, added into f32 sums. Registers alone; where an adapter has such units.
 *
 *   dispatch   x: workgroups of subgroups, each with `side` × `side` sums
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { unroll } from '../../../kernels/parts/values.ts';
import type { Features, SubgroupMatrix } from '../../gpu/device.ts';
import type { ArithmeticShape, Roofline } from './roofline.ts';

interface Variant extends SubgroupMatrix {
  readonly side: 2 | 4;
  /** Invocations of a subgroup. */
  readonly subgroup: number;
}

/** A multiple of every subgroup's size, as Dawn asks for. */
const workgroup = 128;
/** Places that results are stored to, in turns: what they are, nobody asks. */
const places = 64;

export const matrix: Roofline<ArithmeticShape, Variant> = {
  limits: 'f16 matrix',
  name: 'roofline_matrix',

  variants(_, { subgroupMatrices = [], f16: hasF16, subgroupMinSize, subgroupMaxSize: subgroup }: Features) {
    if (subgroupMinSize !== subgroup) return [];
    const usable = subgroupMatrices.filter(({ f16 }) => hasF16 || !f16);
    return usable.flatMap((each) => ([2, 4] as const).map((side) => ({ ...each, side, subgroup })));
  },

  wgsl(_, { m, n, k, f16, side }) {
    const pairs = (line: (i: number, j: number) => string) => unroll(side, (i) => unroll(side, (j) => line(i, j)));
    return wgsl`
enable subgroups;
enable chromium_experimental_subgroup_matrix;
#if ${f16}
enable f16;
#endif
diagnostic(off, chromium.subgroup_matrix_uniformity);
override STEPS: u32;
alias Component = ${f16 ? 'f16' : 'f32'};
alias Left = subgroup_matrix_left<Component, ${k}, ${m}>;
alias Right = subgroup_matrix_right<Component, ${n}, ${k}>;
alias Sums = subgroup_matrix_result<f32, ${n}, ${m}>;
var<storage, read> src: array<Component, ${(m + n) * k * side}>;
var<storage, read_write> dst: array<f32, ${places * side * side * m * n}>;

@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>) {
  ${unroll(side, (i) => `let left${i} = subgroupMatrixLoad<Left, row_major>(&src, ${i * m * k}u, ${k}u);`)}
  ${unroll(side, (j) => `let right${j} = subgroupMatrixLoad<Right, row_major>(&src, ${side * m * k + j * n * k}u, ${n}u);`)}
  ${pairs((i, j) => `var sums${i}_${j} = Sums();`)}
  for (var step = 0u; step < STEPS; step++) {
    ${pairs((i, j) => `sums${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sums${i}_${j});`)}
  }
  let place = group.x % ${places}u * ${side * side * m * n}u;
  ${pairs((i, j) => `subgroupMatrixStore<row_major>(&dst, place + ${(i * side + j) * m * n}u, sums${i}_${j}, ${n}u);`)}
}
`;
  },

  overrides: ({ steps }) => ({ STEPS: steps }),
  workgroups: ({ invocations }) => [Math.min(65_535, invocations / workgroup), 1, 1],
  buffers: (_, { m, n, k, side }) => ({ src: (m + n) * k * side * 4, dst: places * side * side * m * n * 4 }),
  work({ invocations, steps }, { m, n, k, side, subgroup }) {
    const subgroups = (Math.min(65_535, invocations / workgroup) * workgroup) / subgroup;
    return 2 * m * n * k * side * side * steps * subgroups;
  },
};
