import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { attention, type FlashAttnShape, headBlock } from './parts/attention.ts';
import { unroll } from './parts/values.ts';

/**
 * Attention as CPU drivers like it, for the reasons that mul_mat_broadcast.ts gives: an invocation owns query rows whole,
 * with their queries and results in registers and no barrier anywhere; the lanes of a subgroup load keys and values once,
 * and broadcast them. Maximum and sum run along with every pair of positions.
 */
export interface BroadcastAttn {
  readonly by: 'broadcast';
  /** Lanes that share their loads of keys and values; 1 without subgroups. */
  readonly lanes: 1 | 4 | 8;
}

/** Vectors of four that an invocation's queries take, and its results: more would leave the first cache. */
const registers = 64;
const maxRows = 8;
/** Positions of a step, which begin at multiples of it. */
const positions = 2;
/** Invocations are whole subgroups of the narrow adapters that run this: broadcasts are from lanes that are there. */
const subgroupLength = 8;

const rowsOf = ({ headLength }: FlashAttnShape) =>
  Math.max(1, Math.min(maxRows, Math.floor(registers / (headLength / 4))));

function invocationsOf(shape: FlashAttnShape): number {
  const rows = shape.itemTokens * headBlock(shape.headGroup);
  return subgroupLength * Math.ceil(rows / rowsOf(shape) / subgroupLength);
}

export function flashAttnBroadcast(shape: FlashAttnShape, { lanes }: BroadcastAttn): string {
  const { headGroup, headLength } = shape;
  const block = headBlock(headGroup);
  const fours = headLength / 4;
  const rows = rowsOf(shape);
  const loads = Math.ceil((positions * fours) / lanes);
  const eachRow = (line: (r: number) => string) => unroll(rows, line);
  const eachFour = (line: (i: number) => string) => unroll(fours, line);
  const eachPosition = (line: (p: number) => string) => unroll(positions, line);
  // without sharing, arrays at constant indices: registers too, and one load in the code
  const load = (name: string, fetch: string) =>
    lanes === 1
      ? `for (var i = 0u; i < not_constant(${loads}u); i++) { ${name}[i] = ${fetch}(page_start, place + min(i, last)); }`
      : unroll(loads, (l) => `let ${name}${l} = ${fetch}(page_start, place + min(${l * lanes}u + lane, last));`);
  const four = (name: string, i: number) =>
    lanes === 1 ? `${name}[${i}]` : `subgroupBroadcast(${name}${Math.floor(i / lanes)}, ${i % lanes}u)`;
  return wgsl`
#if ${lanes > 1}
enable subgroups;
#endif
${attention(shape, false)}
fn total(v: vec4<f32>) -> f32 { return (v.x + v.y) + (v.z + v.w); }

// a query row of an item: a token, and a head of the block
struct Row {
  token: u32,
  head: u32,
}
fn row_of(item: Item, row: u32) -> Row { return Row(item.token + min(row / ${block}u, item.token_count - 1u), row % ${block}u); }

@compute @workgroup_size(${invocationsOf(shape)})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
#if ${lanes > 1}
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
#endif
) {
#if ${lanes > 1}
  let lane = subgroup_lane % ${lanes}u;
#else
  var key: array<vec4<f32>, ${loads}>;
  var val: array<vec4<f32>, ${loads}>;
#endif
  let item = items[range.start + group.x];
  let head_start = KV_HEAD_START * HEAD_GROUP + group.y * ${block}u;
  let kv_head = group.y * ${block}u / HEAD_GROUP; // within the group that is bound
  let page_row = page_row_of(item);
  // of [rows, FOURS] and [rows]: at constant indices registers, and code for only one at others
  var queries: array<vec4<f32>, ${rows * fours}>;
  var results: array<vec4<f32>, ${rows * fours}>;
  var limits: array<u32, ${rows}>; // positions from here on are in the future
  for (var r = 0u; r < not_constant(${rows}u); r++) {
    let own = row_of(item, invocation * ${rows}u + r);
    limits[r] = min(item.key_end, tokens[own.token].position + 1u);
    let first = own.token * Q_FOURS + (head_start + own.head) * FOURS;
    for (var i = 0u; i < not_constant(FOURS); i++) { queries[r * FOURS + i] = q[first + i] * ${1 / Math.sqrt(headLength)}; }
  }
  ${eachRow(
    (r) => `
  let limit${r} = limits[${r}];
  var max${r} = LOWEST;
  var sum${r} = 0.0;`,
  )}

  for (var start = item.key_start; start < item.key_end; start += ${positions}u) {
    let page_start = page_of(page_row, start, kv_head);
    let place = (start % PAGE_LENGTH) * FOURS;
    let last = min(${positions}u, item.key_end - start) * FOURS - 1u; // what is behind it may be no numbers
    ${load('key', 'key_four')}
    ${eachRow((r) => eachPosition((p) => `var score${r}_${p} = 0.0;`))}
    ${eachPosition((p) =>
      eachFour(
        (i) => `{
      let k = ${four('key', p * fours + i)};
      ${eachRow((r) => `score${r}_${p} += total(queries[${r * fours + i}] * k);`)}
    }`,
      ),
    )}
    ${eachRow(
      (r) => `
    ${eachPosition((p) => `score${r}_${p} = select(LOWEST, score${r}_${p}, start + ${p}u < limit${r});`)}
    let highest${r} = max(max${r}, ${highest(positions, r)});
    let scale${r} = decay(max${r} - highest${r});
    max${r} = highest${r};
    ${eachPosition((p) => `let weight${r}_${p} = select(0.0, decay(score${r}_${p} - highest${r}), start + ${p}u < limit${r});`)}
    sum${r} = sum${r} * scale${r}${Array.from({ length: positions }, (_, p) => ` + weight${r}_${p}`).join('')};`,
    )}
    ${load('val', 'val_four')}
    ${eachFour(
      (i) => `{
      ${eachPosition((p) => `let v${p} = ${four('val', p * fours + i)};`)}
      ${eachRow((r) => `results[${r * fours + i}] = results[${r * fours + i}] * scale${r}${Array.from({ length: positions }, (_, p) => ` + weight${r}_${p} * v${p}`).join('')};`)}
    }`,
    )}
  }
  var highest: array<f32, ${rows}>;
  var sums: array<f32, ${rows}>;
  ${eachRow(
    (r) => `
  highest[${r}] = max${r};
  sums[${r}] = sum${r};`,
  )}
  for (var r = 0u; r < not_constant(${rows}u); r++) {
    let row = invocation * ${rows}u + r;
    if (row >= item.token_count * ${block}u) { break; }
    let own = row_of(item, row);
    let head = head_start + own.head;
    for (var i = 0u; i < not_constant(FOURS); i++) { hand_on(item, own.token, head, i, results[r * FOURS + i], sums[r]); }
    hand_on_state(item, head, highest[r], sums[r]);
  }
}
`;
}

const highest = (positions: number, r: number) =>
  Array.from({ length: positions }, (_, p) => `score${r}_${p}`).reduce((a, b) => `max(${a}, ${b})`);
