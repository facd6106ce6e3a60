import { attnItems, complete } from './attn_items.ts';
import { type KvType, kvFours, pageLength } from './kv.ts';
import { range, tokenTable } from './range.ts';

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

/** What every family binds, and the constants it goes by; `f16`: keys and values of that type are read as such. */
export const attention = ({ kvType, headLength }: FlashAttnShape, f16: boolean) => `
override HEADS: u32;
override HEAD_GROUP: u32;
override KV_HEADS: u32;
override KV_HEAD_START: u32;
override MAX_PAGES: u32;
override Q_FOURS: u32; // of a token's row of q and dst
const PAGE_LENGTH = ${pageLength}u;
const FOURS = ${headLength / 4}u;
const LOWEST = -1e30; // finite: WGSL may assume that there are no infinities

${attnItems}
${range}
${tokenTable}
${kvFours(kvType, f16)}
var<storage, read> pages: array<u32>;
var<storage, read> q: array<vec4<f32>>;
var<storage, read_write> dst: array<vec4<f32>>;
var<storage, read_write> partial: array<vec4<f32>>; // [partials, HEADS, FOURS + 1]: the result, then max and sum

fn page_row_of(item: Item) -> u32 { return tokens[item.token].sequence * MAX_PAGES; }
// Where the page of a position starts for a kv head; in it, position p's fours are at p % PAGE_LENGTH.
fn page_of(page_row: u32, position: u32, kv_head: u32) -> u32 {
  return (pages[page_row + position / PAGE_LENGTH] * KV_HEADS + kv_head) * KV_PAGE;
}

// A row's result over \`sum\`, or as it is where it is one of several for its token.
fn hand_on(item: Item, token: u32, head: u32, column: u32, result: vec4<f32>, sum: f32) {
  if (item.partial_start == ${complete}u) {
    dst[token * Q_FOURS + head * FOURS + column] = result / sum;
  } else {
    partial[(item.partial_start * HEADS + head) * (FOURS + 1u) + column] = result;
  }
}
fn hand_on_state(item: Item, head: u32, highest: f32, sum: f32) {
  if (item.partial_start != ${complete}u) {
    partial[(item.partial_start * HEADS + head) * (FOURS + 1u) + FOURS] = vec4<f32>(highest, sum, 0.0, 0.0);
  }
}

// e^x for x ≤ 0, exactly 1 at 0: a tile that raises no maximum must not touch the sums
fn decay(x: f32) -> f32 { return select(exp(max(x, -87.0)), 1.0, x == 0.0); }
fn decays(x: vec4<f32>) -> vec4<f32> { return vec4<f32>(decay(x.x), decay(x.y), decay(x.z), decay(x.w)); }
`;
