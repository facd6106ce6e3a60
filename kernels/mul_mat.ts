/**
 * mul_mat: dst[t, r] = Σ_k w[r, k] · x[t, k], for the many tokens of prefill; then a part decides what becomes of it.
 *
 *   weights    planes of one row tile, [rows, BLOCKS × 32]      act   [tokens, BLOCKS × 32]
 *   dispatch   x: tiles of rows, y: tiles of tokens
 *
 * A family of tiles for each kind of device, with its own order of sums: mul_mat_broadcast.ts for CPU drivers,
 * mul_mat_tile.ts for GPUs, mul_mat_matrix.ts for those with matrix units. A last chunk of one token runs the same tile with
 * its other columns clamped, so a token's sum has the same order wherever it stands.
 */
import type { Checks, Kernel } from '../src/gpu/kernel.ts';
import { type BroadcastTile, broadcastLanes, broadcastSize, mulMatBroadcast } from './mul_mat_broadcast.ts';
import { type MulMatShape, mulMatCase, mulMatCost } from './mul_mat_cases.ts';
import { matrixSize, matrixTiles, mulMatMatrix } from './mul_mat_matrix.ts';
import { mulMatTile, type WorkgroupTile, workgroupSize } from './mul_mat_tile.ts';
import { type MatrixVariant, matrixOrder, matrixTolerance } from './parts/matrices.ts';
import { blocksPerRow } from './quants/block_type.ts';
import { blockTypes, readVariant } from './quants/index.ts';

export type Shape = MulMatShape;

export type Variant = BroadcastTile | WorkgroupTile | MatrixVariant;

/** Twice as many columns run a tenth faster on a CPU driver, and compile twice as long. */
const broadcastTile = { by: 'broadcast', pairs: 2, columns: 16 } as const;
/** Where every lane loads what it multiplies with, loads of both kinds are to be few. */
const loneTile = { by: 'broadcast', pairs: 4, columns: 8, lanes: 1 } as const;

export const mul_mat: Kernel<Shape, Variant> = {
  name: 'mul_mat',

  variants(shape, features) {
    const lanes = broadcastLanes(features);
    const narrow = [...(lanes > 1 ? [{ ...broadcastTile, lanes }] : []), loneTile];
    const base = { by: 'workgroup', dp4a: false, f16: false } as const;
    const { dp4a, f16 } = readVariant(shape.type, shape.activation, features);
    const wide: Variant[] = [...matrixTiles(shape, features), ...(dp4a || f16 ? [{ ...base, dp4a, f16 }] : []), base];
    return features.cpu ? [...narrow, ...wide] : [...wide, ...narrow];
  },

  order: (variant) => (variant.by === 'matrix' ? matrixOrder(variant) : variant.by),

  wgsl(shape, variant) {
    if (variant.by === 'matrix') return mulMatMatrix(shape, variant);
    return variant.by === 'workgroup' ? mulMatTile(shape, variant) : mulMatBroadcast(shape, variant);
  },

  overrides: ({ rowLength, dstStride }) => ({ BLOCKS: blocksPerRow(rowLength), DST_STRIDE: dstStride }),

  workgroups({ rows }, variant, count) {
    const [tileRows, tileTokens] = sizeOf(variant);
    return [Math.ceil(rows / tileRows), Math.ceil(count / tileTokens), 1];
  },
};

/** Rows and tokens of a workgroup. */
function sizeOf(variant: Variant): readonly [number, number] {
  if (variant.by === 'matrix') return matrixSize;
  return variant.by === 'workgroup' ? workgroupSize : broadcastSize(variant);
}

/** On both sides of every tile's borders. */
const tokenCounts = [1, 17, 31, 33, 511, 513];

export const mulMatChecks = (): Checks<Shape, Variant> => ({
  cost: mulMatCost,

  tolerance: matrixTolerance,

  cases: [
    ...(['f32', 'q8'] as const).flatMap((activation) => {
      const size = { type: 'Q8_0', activation, rows: 66, rowLength: 64 };
      return [
        ...tokenCounts.map((tokens) => mulMatCase<Shape>({ ...size, tokens }, {})),
        mulMatCase<Shape>({ ...size, tokens: 9, scale: 1e4 }, {}),
      ];
    }),
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
    mulMatCase<Shape>(
      { type: 'Q8_0', activation: 'q8', rows: 8192, rowLength: 1536, tokens: 256, after: 'swiglu' },
      {},
    ),
    mulMatCase<Shape>({ type: 'F16', rows: 2048, rowLength: 512, tokens: 128 }, {}),
  ],
});
