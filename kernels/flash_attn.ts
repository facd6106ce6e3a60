/**
 * flash_attn: softmax(q · Kᵀ / sqrt(head length)) · V over paged keys and values, for prefill and decode alike.
 *
 *   q, dst       [tokens, heads × HEAD_LENGTH, padded]      keys, vals   pages of one group of kv heads
 *   items        the work list: a few tokens of one sequence, against positions [key_start, key_end)
 *   dispatch     x: items, y: blocks of `headBlock` query heads that share a kv head, z: parts of an item's tokens
 *
 * A workgroup holds `rows` = tokens × headBlock query rows against tiles of 64 positions: an invocation owns a position
 * for the scores, then four columns of the result. Tiles start at multiples of 64 whoever asks, so that a token's sums
 * have the same order in any chunk; a tile beyond a token's position changes nothing, to the bit.
 *
 * An item that is one of several for its token leaves its unscaled result, max and sum for flash_attn_merge.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Checks, Kernel } from '../src/gpu/kernel.ts';
import { type BroadcastAttn, flashAttnBroadcast } from './flash_attn_broadcast.ts';
import { flashAttnBenches, flashAttnCases } from './flash_attn_cases.ts';
import { broadcastLanes } from './mul_mat_broadcast.ts';
import { decay, type FlashAttnShape, headBlock } from './parts/attention.ts';
import { attnItems, complete } from './parts/attn_items.ts';
import { kvBytes, kvFours, pageLength } from './parts/kv.ts';
import { range, tokenTable } from './parts/range.ts';
import { unroll } from './parts/values.ts';
import { paddedLength } from './quants/block_type.ts';

export type Shape = FlashAttnShape;

export interface WorkgroupAttn {
  readonly by: 'workgroup';
  readonly f16: boolean;
}

export type Variant = WorkgroupAttn | BroadcastAttn;

const invocations = 64;
/** An invocation owns four columns of a head: longer heads have more columns than a workgroup. */
export const maxHeadLength = 4 * invocations;
/** Positions per tile; divides a page. */
export const tileLength = 64;
/** Query rows that a workgroup's registers hold. */
const maxRows = 8;
/** Rows whose parts meet in workgroup memory at once; every barrier more costs a CPU driver a second of compiling. */
const rowsAtOnce = 4;
/** Tokens whose rows a workgroup's registers hold. */
const groupTokens = ({ headGroup, itemTokens }: Shape) =>
  Math.min(itemTokens, Math.max(1, Math.floor(maxRows / headBlock(headGroup))));

export const flash_attn: Kernel<Shape, Variant> = {
  name: 'flash_attn',

  variants({ kvType, itemTokens }, features) {
    const wide: Variant[] = [{ by: 'workgroup', f16: false }];
    if (kvType === 'f16' && features.f16) wide.unshift({ by: 'workgroup', f16: true });
    if (itemTokens === 1) return wide;
    const lanes = broadcastLanes(features);
    const narrow = (lanes > 1 ? ([lanes, 1] as const) : [lanes]).map((lanes): Variant => ({ by: 'broadcast', lanes }));
    return features.cpu ? [...narrow, ...wide] : [...wide, ...narrow];
  },

  order: ({ by }) => (by === 'broadcast' ? 'by pairs of positions' : 'by tiles of positions'),

  wgsl(shape, variant) {
    if (variant.by === 'broadcast') return flashAttnBroadcast(shape, variant);
    const { kvType, headGroup, headLength } = shape;
    const { f16 } = variant;
    const block = headBlock(headGroup);
    const rows = groupTokens(shape) * block;
    const fours = headLength / 4;
    const parts = Math.floor(invocations / fours); // of a tile's positions, each summed by its own invocations
    const eachRow = (line: (r: number) => string) => unroll(rows, line);
    return wgsl`
override HEADS: u32;
override HEAD_GROUP: u32;
override KV_HEADS: u32;
override KV_HEAD_START: u32;
override MAX_PAGES: u32;
override Q_FOURS: u32; // of a token's row of q and dst
const PAGE_LENGTH = ${pageLength}u;
const FOURS = ${fours}u;
const ROWS = ${rows}u;
const PARTS = ${parts}u;
const LOWEST = -1e30; // finite: WGSL may assume that there are no infinities

${attnItems}
${range}
${tokenTable}
${kvFours(kvType, f16)}
var<storage, read> pages: array<u32>;
var<storage, read> q: array<vec4<f32>>;
var<storage, read_write> dst: array<vec4<f32>>;
var<storage, read_write> partial: array<vec4<f32>>; // [partials, HEADS, FOURS + 1]: the result, then max and sum

var<workgroup> queries: array<vec4<f32>, ${rows * fours}>;
var<workgroup> scores: array<array<f32, ${tileLength}>, ${rows}>;
var<workgroup> row_limit: array<u32, ${rows}>; // positions from here on are in the future
var<workgroup> row_max: array<f32, ${rows}>;
var<workgroup> row_sum: array<f32, ${rows}>;
var<workgroup> row_scale: array<f32, ${rows}>; // what the new maximum makes of the sums so far
var<workgroup> parts: array<array<vec4<f32>, ${invocations}>, ${rowsAtOnce}>;

${decay}

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var item = items[range.start + group.x];
  let skipped = group.z * ${groupTokens(shape)}u;
  if (skipped >= item.token_count) { return; }
  item.token += skipped;
  item.token_count = min(item.token_count - skipped, ${groupTokens(shape)}u);
  item.key_end = min(item.key_end, tokens[item.token + item.token_count - 1u].position + 1u);
  let head_start = KV_HEAD_START * HEAD_GROUP + group.y * ${block}u;
  let kv_head = group.y * ${block}u / HEAD_GROUP; // within the group that is bound
  let page_row = tokens[item.token].sequence * MAX_PAGES;

  for (var i = lane; i < ROWS * FOURS; i += ${invocations}u) {
    let row = i / FOURS;
    let token = item.token + min(row / ${block}u, item.token_count - 1u);
    queries[i] = q[token * Q_FOURS + (head_start + row % ${block}u) * FOURS + i % FOURS] * ${1 / Math.sqrt(headLength)};
  }
  if (lane < ROWS) {
    row_limit[lane] = min(item.key_end, tokens[item.token + min(lane / ${block}u, item.token_count - 1u)].position + 1u);
    row_max[lane] = LOWEST;
    row_sum[lane] = 0.0;
  }
  workgroupBarrier();

  let column = lane % FOURS;
  let part = lane / FOURS;
  ${eachRow((r) => `var out${r} = vec4<f32>();`)}

  for (var start = item.key_start; start < item.key_end; start += ${tileLength}u) {
    let page_start = (pages[page_row + start / PAGE_LENGTH] * KV_HEADS + kv_head) * KV_PAGE;
    let tile = (start % PAGE_LENGTH) * FOURS;

    // scores of the position that this invocation owns
    let key = tile + lane * FOURS;
    ${eachRow((r) => `var dot${r} = vec4<f32>();`)}
    for (var i = 0u; i < not_constant(FOURS); i++) {
      let k = key_four(page_start, key + i);
      ${eachRow((r) => `dot${r} = fma(queries[${r}u * FOURS + i], k, dot${r});`)}
    }
    ${eachRow(
      (r) => `
    scores[${r}][lane] = select(LOWEST, (dot${r}.x + dot${r}.y) + (dot${r}.z + dot${r}.w), start + lane < row_limit[${r}]);`,
    )}
    workgroupBarrier();

    if (lane < ROWS) {
      var highest = row_max[lane];
      for (var i = 0u; i < not_constant(${tileLength}u); i++) { highest = max(highest, scores[lane][i]); }
      row_scale[lane] = decay(row_max[lane] - highest);
      row_max[lane] = highest;
    }
    workgroupBarrier();

    for (var r = 0u; r < not_constant(ROWS); r++) {
      scores[r][lane] = select(0.0, decay(scores[r][lane] - row_max[r]), start + lane < row_limit[r]);
    }
    workgroupBarrier();

    if (lane < ROWS) {
      var sum = row_sum[lane] * row_scale[lane];
      for (var i = 0u; i < not_constant(${tileLength}u); i++) { sum += scores[lane][i]; }
      row_sum[lane] = sum;
    }
    ${eachRow((r) => `out${r} *= row_scale[${r}];`)}
    if (part < PARTS) {
      for (var i = part; i < min(${tileLength}u, item.key_end - start); i += PARTS) {
        let v = val_four(page_start, tile + i * FOURS + column);
        ${eachRow((r) => `out${r} = fma(vec4<f32>(scores[${r}][i]), v, out${r});`)}
      }
    }
    workgroupBarrier();
  }

  ${unroll(Math.ceil(rows / rowsAtOnce), (chunk) => {
    const first = chunk * rowsAtOnce;
    const count = Math.min(rowsAtOnce, rows - first);
    return `
  ${unroll(count, (r) => `parts[${r}][lane] = out${first + r};`)}
  workgroupBarrier();
  for (var i = lane; i < ${count}u * FOURS; i += ${invocations}u) { finish(item, head_start, ${first}u, i / FOURS, i % FOURS); }
  workgroupBarrier();`;
  })}
}

// Adds up the parts of a row's column, and hands it on.
fn finish(item: Item, head_start: u32, first: u32, r: u32, column: u32) {
  let row = first + r;
  if (row / ${block}u >= item.token_count) { return; }
  var sum = parts[r][column];
  for (var part = 1u; part < not_constant(PARTS); part++) { sum += parts[r][part * FOURS + column]; }
  let head = head_start + row % ${block}u;
  if (item.partial_start == ${complete}u) {
    dst[(item.token + row / ${block}u) * Q_FOURS + head * FOURS + column] = sum / row_sum[row];
    return;
  }
  let slot = (item.partial_start * HEADS + head) * (FOURS + 1u);
  partial[slot + column] = sum;
  if (column == 0u) { partial[slot + FOURS] = vec4<f32>(row_max[row], row_sum[row], 0.0, 0.0); }
}
`;
  },

  overrides: ({ heads, headGroup, kvHeads, kvHeadStart, headLength, maxPages }) => ({
    HEADS: heads,
    HEAD_GROUP: headGroup,
    KV_HEADS: kvHeads,
    KV_HEAD_START: kvHeadStart,
    MAX_PAGES: maxPages,
    Q_FOURS: paddedLength(heads * headLength) / 4,
  }),

  workgroups(shape, { by }, count) {
    const { headGroup, kvHeads, itemTokens } = shape;
    const parts = by === 'broadcast' ? 1 : Math.ceil(itemTokens / groupTokens(shape));
    return [count, (kvHeads * headGroup) / headBlock(headGroup), parts];
  },
};

export const flashAttnChecks = (): Checks<Shape> => ({
  /** Of `count` items of 256 positions. */
  cost: ({ kvType, kvHeads, headGroup, headLength, itemTokens }, count) => ({
    bytes: count * pageLength * kvHeads * headLength * 2 * kvBytes[kvType],
    flops: count * pageLength * kvHeads * headGroup * itemTokens * headLength * 4,
  }),

  cases: flashAttnCases(),

  benches: flashAttnBenches(),
});
