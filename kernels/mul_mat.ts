/**
 * mul_mat: dst[t, r] = Σ_k w[r, k] · x[t, k], for the many tokens of prefill; then a part decides what becomes of it.
 *
 *   weights    planes of one row tile, [rows, BLOCKS × 32]      act   [tokens, BLOCKS × 32]
 *   dispatch   x: pairs of rows, y: tokens; an invocation holds a tile of `pairs` × `columns` in registers
 *
 * A last chunk of one token runs the same tile with its other columns clamped, so a token's sum has the same order
 * wherever it stands.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Checks, Kernel } from '../src/gpu/kernel.ts';
import { type BroadcastTile, broadcastInvocations, broadcastLanes, mulMatBroadcast } from './mul_mat_broadcast.ts';
import { type MulMatShape, mulMatCase, mulMatCost } from './mul_mat_cases.ts';
import { activation } from './parts/activation.ts';
import { after, silu } from './parts/after.ts';
import { addProducts, declareSums, finishedPair, type Products, productSteps } from './parts/products.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import { type BlockType, blocksPerRow } from './quants/block_type.ts';
import { blockTypes, matmulTypes, readVariant } from './quants/index.ts';

export type Shape = MulMatShape;

export interface RegisterTile {
  readonly by: 'invocation';
  readonly pairs: number;
  readonly columns: number;
  readonly dp4a: boolean;
  readonly f16: boolean;
}

export type Variant = RegisterTile | BroadcastTile;

const invocations = 64;
const registerTile = { by: 'invocation', pairs: 2, columns: 4 } as const;
/** Twice as many columns run a tenth faster on a CPU driver, and compile twice as long. */
const broadcastTile = { by: 'broadcast', pairs: 2, columns: 16 } as const;
/** Where every lane loads what it multiplies with, loads of both kinds are to be few. */
const loneTile = { by: 'broadcast', pairs: 4, columns: 8, lanes: 1 } as const;

/** Hands pair `p` of every column on. */
const handOn = (products: Products, p: number) =>
  unroll(
    products.columns,
    (c) => `
  if (pair + ${p}u < tile.pair_count && first + ${c}u < end) {
    after(tile.pair_start + pair + ${p}u, token${c}, ${finishedPair(products, p, c)});
  }`,
  );

export const mul_mat: Kernel<Shape, Variant> = {
  name: 'mul_mat',

  variants(shape, features) {
    const lanes = broadcastLanes(features);
    const narrow = [...(lanes > 1 ? [{ ...broadcastTile, lanes }] : []), loneTile];
    const base = { ...registerTile, dp4a: false, f16: false };
    const { dp4a, f16 } = readVariant(shape.type, shape.activation, features);
    const wide = [...(dp4a || f16 ? [{ ...base, dp4a, f16 }] : []), base];
    return features.subgroupMaxSize >= 16 ? [...wide, ...narrow] : [...narrow, ...wide];
  },

  order: ({ by }) => (by === 'broadcast' ? 'by fours' : 'by blocks'),

  wgsl(shape, variant) {
    if (variant.by === 'broadcast') return mulMatBroadcast(shape, variant);
    const { pairs, columns, dp4a, f16 } = variant;
    const type = matmulTypes[shape.type] as BlockType;
    const steps = productSteps(shape.activation, type.fours);
    const products = { activation: shape.activation, rows: 2 * pairs, columns };
    return wgsl`
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a, f16, inTurns: shape.after === 'swiglu' })}
${activation(shape.activation, type.fours)}
${silu}
${after(shape.after)}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let pair = id.x * ${pairs}u;
  if (pair >= tile.pair_count) { return; }
  let row = 2u * pair;
  let first = range.start + id.y * ${columns}u;
  let end = range.start + range.count;
  ${unroll(columns, (c) => `let token${c} = min(first + ${c}u, end - 1u);`)}
  ${declareSums(products)}
  let steps = not_constant(${steps});
  for (var i = 0u; i < steps; i++) {
    ${addProducts(products)}
  }
  ${unroll(pairs, (p) => handOn(products, p))}
}
`;
  },

  overrides: ({ rowLength, dstStride }) => ({ BLOCKS: blocksPerRow(rowLength), DST_STRIDE: dstStride }),

  workgroups({ rows }, { by, pairs, columns }, count) {
    const perGroup = by === 'broadcast' ? broadcastInvocations : invocations;
    return [Math.ceil(rows / (2 * pairs * perGroup)), Math.ceil(count / columns), 1];
  },
};

export const mulMatChecks = (): Checks<Shape> => ({
  cost: mulMatCost,

  cases: [
    ...Object.keys(blockTypes).map((type) => mulMatCase<Shape>({ type, rows: 70, rowLength: 96, tokens: 5 }, {})),
    mulMatCase<Shape>({ type: 'F32', rows: 7, rowLength: 172, tokens: 1, start: 2, after: 'add' }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', rows: 64, rowLength: 2080, tokens: 4, after: 'swiglu' }, {}),
    mulMatCase<Shape>(
      { type: 'Q8_0', activation: 'q8', rows: 66, rowLength: 192, tokens: 17, after: 'swiglu', rowStart: 64 },
      {},
    ),
    mulMatCase<Shape>({ type: 'Q8_0 blocks', rows: 70, rowLength: 128, tokens: 5 }, {}),
    mulMatCase<Shape>(
      { type: 'Q8_0 blocks', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1, after: 'add' },
      {},
    ),
    mulMatCase<Shape>({ type: 'Q8_0 blocks', rows: 64, rowLength: 2112, tokens: 4, after: 'swiglu' }, {}),
    mulMatCase<Shape>(
      { type: 'Q8_0 blocks', activation: 'q8', rows: 66, rowLength: 192, tokens: 17, after: 'swiglu', rowStart: 64 },
      {},
    ),
  ],

  benches: [
    mulMatCase<Shape>({ type: 'Q8_0 blocks', activation: 'q8', rows: 2048, rowLength: 512, tokens: 128 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 2048, rowLength: 512, tokens: 128 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', rows: 2048, rowLength: 512, tokens: 128 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 512, rowLength: 1536, tokens: 128 }, {}),
  ],
});
