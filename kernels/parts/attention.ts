import type { KvType } from './kv.ts';

/** What attention computes, whichever family does it. */
export interface FlashAttnShape {
  readonly kvType: KvType;
  readonly heads: number;
  /** Query heads per kv head. */
  readonly headGroup: number;
  /** Kv heads whose pages are bound, and the first of them. */
  readonly kvHeads: number;
  readonly kvHeadStart: number;
  /** A multiple of 4, at most `maxHeadLength`. */
  readonly headLength: number;
  /** Tokens of an item, at most. */
  readonly itemTokens: number;
  /** Pages in a sequence's row of the page table. */
  readonly maxPages: number;
}

/** Heads that share their keys and values in a workgroup, at most. */
const maxHeadBlock = 8;
/** Query rows of an item of prefill. */
const itemRows = 64;

/** The largest number of heads that share a workgroup: a divisor of the group. */
export function headBlock(headGroup: number): number {
  for (let n = Math.min(headGroup, maxHeadBlock); n > 1; n--) if (headGroup % n === 0) return n;
  return 1;
}

/** Tokens that prefill puts into an item: with their heads, so many rows that keys and values are read for many at once. */
export const prefillItemTokens = (headGroup: number) => Math.floor(itemRows / headBlock(headGroup));

export const decay = `
// e^x for x ≤ 0, exactly 1 at 0: a tile that raises no maximum must not touch the sums
fn decay(x: f32) -> f32 { return select(exp(max(x, -87.0)), 1.0, x == 0.0); }
`;
