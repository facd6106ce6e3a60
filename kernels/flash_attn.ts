/**
 * flash_attn: softmax(q · Kᵀ / sqrt(head length)) · V over paged keys and values, for prefill and decode alike.
 *
 *   q, dst       [tokens, heads × HEAD_LENGTH, padded]      keys, vals   pages of one group of kv heads
 *   items        the work list: a few tokens of one sequence, against positions [key_start, key_end)
 *   dispatch     x: items, y: blocks of heads that share a kv head
 *
 * A family for each kind of step and device, with its own order of sums: flash_attn_vec.ts for decode; for the many tokens
 * of prefill flash_attn_broadcast.ts on CPU drivers, flash_attn_tile.ts on GPUs, flash_attn_matrix.ts on
 * those with matrix units. Whoever asks, tiles of positions start at
 * the same multiples, so that a token's sums have the same order in any chunk; a tile beyond a token's position changes
 * nothing, to the bit.
 *
 * An item that is one of several for its token leaves its unscaled result, max and sum for flash_attn_merge.
 */
import type { Checks, Kernel } from '../src/gpu/kernel.ts';
import { type BroadcastAttn, flashAttnBroadcast } from './flash_attn_broadcast.ts';
import { flashAttnBenches, flashAttnCases } from './flash_attn_cases.ts';
import { flashAttnMatrix, matrixAttn } from './flash_attn_matrix.ts';
import { flashAttnTile, type TileAttn } from './flash_attn_tile.ts';
import { flashAttnVec, type VecAttn } from './flash_attn_vec.ts';
import { broadcastLanes } from './mul_mat_broadcast.ts';
import { type FlashAttnShape, headBlock } from './parts/attention.ts';
import { kvBytes, pageLength } from './parts/kv.ts';
import { type MatrixVariant, matrixOrder, matrixTolerance } from './parts/matrices.ts';
import { paddedLength } from './quants/block_type.ts';

export type Shape = FlashAttnShape;

export type Variant = VecAttn | TileAttn | MatrixVariant | BroadcastAttn;

export const flash_attn: Kernel<Shape, Variant> = {
  name: 'flash_attn',

  variants(shape, features) {
    const { kvType, itemTokens } = shape;
    const loads = kvType === 'f16' && features.f16 ? [true, false] : [false];
    if (itemTokens === 1) return loads.map((f16) => ({ by: 'vec', f16 }));
    const wide = [...matrixAttn(shape, features), ...loads.map((f16): Variant => ({ by: 'tile', f16 }))];
    const lanes = broadcastLanes(features);
    const narrow = (lanes > 1 ? ([lanes, 1] as const) : [lanes]).map((lanes): Variant => ({ by: 'broadcast', lanes }));
    return features.cpu ? [...narrow, ...wide] : [...wide, ...narrow];
  },

  order: (variant) => (variant.by === 'matrix' ? matrixOrder(variant) : variant.by),

  wgsl(shape, variant) {
    if (variant.by === 'vec') return flashAttnVec(shape, variant);
    if (variant.by === 'matrix') return flashAttnMatrix(shape, variant);
    return variant.by === 'tile' ? flashAttnTile(shape, variant) : flashAttnBroadcast(shape, variant);
  },

  overrides: ({ heads, headGroup, kvHeads, kvHeadStart, headLength, maxPages }) => ({
    HEADS: heads,
    HEAD_GROUP: headGroup,
    KV_HEADS: kvHeads,
    KV_HEAD_START: kvHeadStart,
    MAX_PAGES: maxPages,
    Q_FOURS: paddedLength(heads * headLength) / 4,
  }),

  workgroups: ({ headGroup, kvHeads }, _, count) => [count, (kvHeads * headGroup) / headBlock(headGroup), 1],
};

export const flashAttnChecks = (): Checks<Shape, Variant> => ({
  /** Of `count` items of 256 positions. */
  cost: ({ kvType, kvHeads, headGroup, headLength, itemTokens }, count) => ({
    bytes: count * pageLength * kvHeads * headLength * 2 * kvBytes[kvType],
    flops: count * pageLength * kvHeads * headGroup * itemTokens * headLength * 4,
  }),

  tolerance: matrixTolerance,

  cases: flashAttnCases(),

  benches: flashAttnBenches(),
});
