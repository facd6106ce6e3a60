/**
 * mul_mat_vec: y[t, r] = Σ_k w[r, k] · x[t, k], for the few tokens of decode; then a part decides what becomes of it.
 *
 *   weights    planes of one row tile, [rows, BLOCKS × 32]      act   [tokens, BLOCKS × 32]
 *   dispatch   x: groups of rows, y: groups of `columns` tokens
 *
 * A team of `lanes` invocations shares out a row's steps and multiplies `pairs` pairs of rows; a workgroup holds whole blocks
 * of 32 results. Every column's sum runs over the steps in the same order at every width, so a token's result is bit-equal
 * alone and beside others.
 *
 * Of an activation that is still to be divided by its root mean square, `act_ss` has each block's Σ x², and the results are
 * divided here: no norm needs a dispatch of its own.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Features } from '../src/gpu/device.ts';
import type { Checks, Kernel } from '../src/gpu/kernel.ts';
import { type MulMatShape, mulMatCost } from './mul_mat_cases.ts';
import { mulMatVecBenches, mulMatVecCases } from './mul_mat_vec_cases.ts';
import { activation } from './parts/activation.ts';
import { silu } from './parts/after.ts';
import { declareMeeting, type Lanes, meet } from './parts/lanes.ts';
import { addProducts, declareSums, finishedPair, productSteps } from './parts/products.ts';
import { range, tile } from './parts/range.ts';
import type { QkvHeads } from './parts/rope_kv.ts';
import { unroll, values } from './parts/values.ts';
import { finishHeld, type VecAfter, vecAfter } from './parts/vec_after.ts';
import { type BlockType, blocksPerRow } from './quants/block_type.ts';
import { matmulTypes, readVariant } from './quants/index.ts';

export interface Shape extends Omit<MulMatShape, 'after'> {
  readonly after: VecAfter;
  /** Tokens per weight read. */
  readonly columns: 1 | 2 | 4 | 8;
  /** Of activations that are still to be divided by their root mean square: its epsilon. */
  readonly eps?: number;
  /** Activations are those of the tokens that want logits: token t's is row logit_rows[t]. */
  readonly wanted?: boolean;
  /** With `rope_kv`. */
  readonly qkv?: QkvHeads;
}

export interface Variant extends Lanes {
  /** Pairs of rows that a team multiplies. */
  readonly pairs: number;
  /** Neighbours that share their loads of activations, where loads are dear; absent: none. */
  readonly sharing?: number;
  readonly dp4a: boolean;
  readonly f16: boolean;
}

/** Pairs of rows that make a block of 32 values: SwiGLU's are of 64 rows. */
const blockPairs = (after: VecAfter) => (after.startsWith('swiglu') ? 32 : 16);

export const mul_mat_vec: Kernel<Shape, Variant> = {
  name: 'mul_mat_vec',

  variants(shape, features) {
    const { dp4a, f16 } = readVariant(shape.type, shape.activation, features);
    const base: Variant = { lanes: 1, invocations: 64, pairs: 1, subgroups: false, dp4a: false, f16: false };
    const lanes = teamLanes(features);
    const pairs = Math.max(2, (blockPairs(shape.after) * lanes) / 256);
    const team = { ...base, lanes, invocations: 256, pairs, dp4a, f16 };
    const wide = { ...team, pairs: 2 * team.pairs }; // more loads on their way, fewer workgroups: which is best is measured
    const inSubgroups = [team, ...(features.cpu ? [] : [wide])].map((each) => ({ ...each, subgroups: true }));
    const teams = [...(features.subgroups ? inSubgroups : []), team];
    const alone = { ...base, dp4a, f16 };
    const sharing = shape.activation === 'q8' && features.subgroupMinSize === features.subgroupMaxSize ? lanes : 1;
    const shared = sharing === 4 || sharing === 8 ? [{ ...alone, sharing }] : [];
    const ways = features.cpu ? [...shared, alone, ...teams] : [...teams, alone];
    return [...ways, ...(dp4a || f16 ? [base] : [])];
  },

  // How many lanes share a row decides: they meet in the same tree in subgroups and in workgroup memory.
  order: ({ lanes }) => `lanes=${lanes}`,

  wgsl(shape, variant) {
    const { columns, eps, wanted } = shape;
    const { lanes, invocations, pairs, sharing = 1, dp4a, f16 } = variant;
    const type = matmulTypes[shape.type] as BlockType;
    const products = { activation: shape.activation, rows: 2 * pairs, columns, halves: lanes > 1 };
    const steps = productSteps(products, type.fours);
    const groupPairs = (invocations / lanes) * pairs;
    const part = vecAfter(shape, groupPairs);
    const normed = eps === undefined ? 0 : 1;
    const meets = lanes > 1 ? normed : 0; // sums of squares that a team shares out
    const squaresOf = (column: string) => (normed ? `squares_of(act_row(min(first + ${column}, end - 1u)))` : '0.0');
    const eachColumn = (line: (c: number) => string) => unroll(columns, line);
    const columnSums = Array.from({ length: columns }, (_, c) => [
      ...Array.from({ length: pairs }, (_, p) => finishedPair(products, p, c)),
      ...(meets ? [`vec2<f32>(squares${c}, 0.0)`] : []),
    ]);
    /** Runs `body` for the steps of a row that are this lane's. */
    const eachStep = (count: string, body: string) =>
      lanes === 1
        ? `for (var i = 0u; i < not_constant(${count}); i++) {${body}}`
        : `for (var step = 0u; step < (${count} + ${lanes - 1}u) / ${lanes}u; step++) {
    let i = step * ${lanes}u + lane;
    if (i < ${count}) {${body}}
  }`;
    return wgsl`
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a, f16, inTurns: shape.after.startsWith('swiglu') })}
${activation(shape.activation, type.fours, normed === 1, sharing)}
${silu}
#if ${normed === 1}
override ROW_LENGTH: u32;
override EPS: f32;
fn squares_of(token: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < not_constant(BLOCKS); i++) { sum += act_squares(token, i); }
  return sum;
}
#endif
#if ${wanted === true}
var<storage, read> logit_rows: array<u32>;
fn act_row(token: u32) -> u32 { return logit_rows[token]; }
#else
fn act_row(token: u32) -> u32 { return token; }
#endif
${part.wgsl}
${declareMeeting(variant, pairs + meets)}

// a pair of the group's rows, for one column
fn take(own: u32, group: vec3<u32>, column: u32, sum: vec2<f32>, squares: f32) {
  let pair = group.x * ${groupPairs}u + own;
  let token = range.start + group.y * ${columns}u + column;
  if (token >= range.start + range.count) { return; }
  #if ${normed === 1}
  let v = sum * inverseSqrt(squares / f32(ROW_LENGTH) + EPS);
  #else
  let v = sum;
  #endif
  ${part.take}
}

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
#if ${sharing > 1}
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
#endif
) {
#if ${sharing > 1}
  sharing_lane = subgroup_lane;
#endif
  let team = invocation / ${lanes}u;
  let lane = invocation % ${lanes}u;
  let row = 2u * (group.x * ${groupPairs}u + team * ${pairs}u);
  let first = range.start + group.y * ${columns}u;
  let end = range.start + range.count;
  ${eachColumn((c) => `let token${c} = act_row(min(first + ${c}u, end - 1u));`)}
  ${declareSums(products)}
  ${eachStep(steps, addProducts(products))}
  ${meets ? eachColumn((c) => `var squares${c} = 0.0;`) : ''}
  ${
    meets
      ? eachStep(
          'BLOCKS',
          eachColumn((c) => `squares${c} += act_squares(token${c}, i);`),
        )
      : ''
  }
  ${meet(variant, columnSums, meets, (team, column, pair, v, [squares]) => `take(${team} * ${pairs}u + ${pair}, group, ${column}, ${v}, ${squares ? `${squares}.x` : squaresOf(column)});`)}
  ${finishHeld(part, columns, invocations)}
}
`;
  },

  overrides: ({ rowLength, dstStride, eps, qkv }) => ({
    BLOCKS: blocksPerRow(rowLength),
    DST_STRIDE: dstStride,
    ...(eps !== undefined && { ROW_LENGTH: rowLength, EPS: eps }),
    ...(qkv && {
      HEADS: qkv.heads,
      KV_HEADS: qkv.kvHeads,
      HEAD_PAIRS: qkv.headLength / 2,
      ROPE_PAIRS: qkv.ropePairs,
    }),
  }),

  workgroups: ({ rows, columns }, { invocations, lanes, pairs }, count) => [
    Math.ceil(rows / (2 * (invocations / lanes) * pairs)),
    Math.ceil(count / columns),
    1,
  ],
};

/** Lanes that share a row where several do: as many as every subgroup has, up to what one load of each makes worth it. */
function teamLanes({ subgroups, subgroupMinSize, cpu }: Features): number {
  if (subgroups && subgroupMinSize > 1) return Math.min(32, subgroupMinSize);
  return cpu ? 8 : 32;
}

export const mulMatVecChecks = (): Checks<Shape> => ({
  cost: mulMatCost,
  cases: mulMatVecCases(),
  benches: mulMatVecBenches(),
});
