/**
 * mul_mat_vec: dst[t, r] = Σ_k w[r, k] · x[t, k], for the few tokens of decode; then a part decides what becomes of it.
 *
 *   weights    planes of one row tile, [rows, BLOCKS × 32]      act   [tokens, BLOCKS × 32]
 *   dispatch   x: pairs of rows, y: groups of `columns` tokens
 *
 * Every column's sum runs over the blocks in the same order at every width, so a token's result is bit-equal alone and
 * beside others.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Features } from '../src/gpu/device.ts';
import type { Checks, Kernel } from '../src/gpu/kernel.ts';
import { type MulMatShape, mulMatCase, mulMatCost } from './mul_mat_cases.ts';
import { activation } from './parts/activation.ts';
import { after, silu } from './parts/after.ts';
import { addProducts, declareSums, finishedPair, productSteps } from './parts/products.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import { type BlockType, blocksPerRow } from './quants/block_type.ts';
import { blockTypes, matmulTypes, readVariant } from './quants/index.ts';

export interface Shape extends MulMatShape {
  /** Tokens per weight read. */
  readonly columns: 1 | 2 | 4 | 8;
}

export interface Variant {
  /** Who sums a pair of rows: one invocation (where barriers are dear), or a workgroup that shares out the blocks. */
  readonly by: 'invocation' | 'workgroup';
  /** Partial sums meet in subgroups before they meet in workgroup memory. */
  readonly subgroups: boolean;
  readonly dp4a: boolean;
  readonly f16: boolean;
}

const invocations = 64;

export const mul_mat_vec: Kernel<Shape, Variant> = {
  name: 'mul_mat_vec',

  variants(shape, features) {
    const { dp4a, f16 } = readVariant(shape.type, shape.activation, features);
    const base: Variant = { by: 'invocation', subgroups: false, dp4a: false, f16: false };
    const ways: Variant[] = [
      { ...base, dp4a, f16 },
      { ...base, by: 'workgroup', subgroups: features.subgroups, dp4a, f16 },
    ];
    if (wideSubgroups(features)) ways.reverse();
    if (features.subgroups) ways.push({ ...base, by: 'workgroup' });
    if (dp4a || f16) ways.push(base);
    return ways;
  },

  // Who sums decides; how subgroupAdd does is the driver's business. Integer products and half floats are exact.
  order: ({ by, subgroups }) => (subgroups ? 'subgroups' : by),

  wgsl(shape, { by, subgroups, dp4a, f16 }) {
    const { columns } = shape;
    const type = matmulTypes[shape.type] as BlockType;
    const steps = productSteps(shape.activation, type.fours);
    const products = { activation: shape.activation, rows: 2, columns };
    const eachColumn = (line: (c: number) => string) => unroll(columns, line);
    return wgsl`
#if ${subgroups}
enable subgroups;
#endif
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a, f16, inTurns: shape.after === 'swiglu' })}
${activation(shape.activation, type.fours)}
${silu}
${after(shape.after)}

#if ${by === 'invocation'}
@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let pair = id.x;
  if (pair >= tile.pair_count) { return; }
  let row = 2u * pair;
  let end = range.start + range.count;
  ${eachColumn((c) => `let token${c} = min(range.start + id.y * ${columns}u + ${c}u, end - 1u);`)}
  ${declareSums(products)}
  let steps = not_constant(${steps});
  for (var i = 0u; i < steps; i++) {
    ${addProducts(products)}
  }
  ${eachColumn((c) => `if (range.start + id.y * ${columns}u + ${c}u < end) { after(tile.pair_start + pair, token${c}, ${finishedPair(products, 0, c)}); }`)}
}
#else
#if ${subgroups}
var<workgroup> partial: array<array<vec2<f32>, ${columns}>, ${invocations}>; // one per subgroup, of whatever size
#else
var<workgroup> partial: array<array<vec2<f32>, ${columns}>, ${invocations}>; // one per invocation
#endif

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
#if ${subgroups}
  @builtin(subgroup_size) subgroup_size: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
#endif
) {
  let pair = group.x;
  let row = 2u * pair;
  let first = range.start + group.y * ${columns}u;
  let end = range.start + range.count;
  ${eachColumn((c) => `let token${c} = min(first + ${c}u, end - 1u);`)}
  ${declareSums(products)}
  for (var i = lane; i < ${steps}; i += ${invocations}u) {
    ${addProducts(products)}
  }
#if ${subgroups}
  ${eachColumn((c) => `let sum${c} = subgroupAdd(${finishedPair(products, 0, c)});`)}
  if (subgroup_lane == 0u) {
    let slot = lane / subgroup_size;
    ${eachColumn((c) => `partial[slot][${c}] = sum${c};`)}
  }
  let partials = (${invocations}u + subgroup_size - 1u) / subgroup_size;
#else
  ${eachColumn((c) => `partial[lane][${c}] = ${finishedPair(products, 0, c)};`)}
  let partials = ${invocations}u;
#endif
  workgroupBarrier();
  if (lane < ${columns}u && first + lane < end) {
    var sum = vec2<f32>();
    for (var i = 0u; i < partials; i++) { sum += partial[i][lane]; }
    after(tile.pair_start + pair, first + lane, sum);
  }
}
#endif
`;
  },

  overrides: ({ rowLength, dstStride }) => ({ BLOCKS: blocksPerRow(rowLength), DST_STRIDE: dstStride }),

  workgroups({ rows, columns }, { by }, count) {
    const pairs = Math.ceil(rows / 2);
    return [by === 'invocation' ? Math.ceil(pairs / invocations) : pairs, Math.ceil(count / columns), 1];
  },
};

/** Subgroups this wide are a GPU's: there a row is best shared out. CPUs have 4 or 8 lanes and dear barriers. */
function wideSubgroups({ subgroupMaxSize }: Features): boolean {
  return subgroupMaxSize >= 16;
}

export const mulMatVecChecks = (): Checks<Shape> => ({
  cost: mulMatCost,

  cases: [
    ...Object.keys(blockTypes).map((type) =>
      mulMatCase<Shape>({ type, rows: 70, rowLength: 96, tokens: 1 }, { columns: 1 }),
    ),
    mulMatCase<Shape>({ type: 'F32', rows: 7, rowLength: 172, tokens: 3, start: 2 }, { columns: 2 }),
    mulMatCase<Shape>({ type: 'F16', rows: 129, rowLength: 65, tokens: 1, after: 'add' }, { columns: 1 }),
    ...([1, 2, 4, 8] as const).map((columns) =>
      mulMatCase<Shape>(
        { type: 'Q8_0', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1 },
        { columns },
      ),
    ),
    mulMatCase<Shape>({ type: 'Q8_0', rows: 64, rowLength: 2080, tokens: 5, after: 'swiglu' }, { columns: 4 }),
    mulMatCase<Shape>(
      { type: 'Q8_0', activation: 'q8', rows: 66, rowLength: 192, tokens: 2, after: 'add', rowStart: 64 },
      { columns: 2 },
    ),
    mulMatCase<Shape>(
      { type: 'BF16', rows: 64, rowLength: 64, tokens: 2, after: 'swiglu', rowStart: 128 },
      { columns: 8 },
    ),
    mulMatCase<Shape>({ type: 'Q8_0 blocks', rows: 70, rowLength: 128, tokens: 1 }, { columns: 1 }),
    mulMatCase<Shape>(
      { type: 'Q8_0 blocks', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1 },
      { columns: 8 },
    ),
    mulMatCase<Shape>({ type: 'Q8_0 blocks', rows: 64, rowLength: 2112, tokens: 5, after: 'swiglu' }, { columns: 4 }),
    mulMatCase<Shape>(
      { type: 'Q8_0 blocks', activation: 'q8', rows: 66, rowLength: 192, tokens: 2, after: 'swiglu', rowStart: 64 },
      { columns: 2 },
    ),
  ],

  benches: [
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 2048, rowLength: 2048, tokens: 1 }, { columns: 1 }),
    mulMatCase<Shape>({ type: 'Q8_0', rows: 2048, rowLength: 2048, tokens: 1 }, { columns: 1 }),
    mulMatCase<Shape>(
      { type: 'Q8_0', activation: 'q8', rows: 3072, rowLength: 512, tokens: 1, after: 'swiglu' },
      { columns: 1 },
    ),
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 8192, rowLength: 8192, tokens: 1 }, { columns: 1 }),
    mulMatCase<Shape>(
      { type: 'Q8_0 blocks', activation: 'q8', rows: 8192, rowLength: 8192, tokens: 1 },
      { columns: 1 },
    ),
  ],
});
