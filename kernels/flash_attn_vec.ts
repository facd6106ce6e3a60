import { attention, type FlashAttnShape, headBlock } from './parts/attention.ts';
import { unroll } from './parts/values.ts';

/**
 * Attention of one token per item, for decode: a workgroup holds the heads of a block against tiles of 64 positions; an
 * invocation owns a position for the scores, then four columns of the result.
 */
export interface VecAttn {
  readonly by: 'vec';
  readonly f16: boolean;
}

const invocations = 64;
/** An invocation owns four columns of a head: longer heads have more columns than a workgroup. */
export const maxHeadLength = 4 * invocations;
/** Positions per tile; divides a page. */
const tileLength = 64;
/** Rows whose parts meet in workgroup memory at once, at least half of all: every barrier more costs a CPU driver a second of compiling. */
const rowsAtOnce = 4;

export function flashAttnVec(shape: FlashAttnShape, { f16 }: VecAttn): string {
  const { headGroup, headLength } = shape;
  const rows = headBlock(headGroup);
  const fours = headLength / 4;
  const parts = Math.floor(invocations / fours); // of a tile's positions, each summed by its own invocations
  const eachRow = (line: (r: number) => string) => unroll(rows, line);
  return `
const ROWS = ${rows}u;
const PARTS = ${parts}u;
${attention(shape, f16)}
var<workgroup> queries: array<vec4<f32>, ${rows * fours}>;
var<workgroup> scores: array<array<f32, ${tileLength}>, ${rows}>;
var<workgroup> row_max: array<f32, ${rows}>;
var<workgroup> row_sum: array<f32, ${rows}>;
var<workgroup> row_scale: array<f32, ${rows}>; // what the new maximum makes of the sums so far
var<workgroup> parts: array<array<vec4<f32>, ${invocations}>, ${rowsAtOnce}>;

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var item = items[range.start + group.x];
  item.key_end = min(item.key_end, tokens[item.token].position + 1u);
  let head_start = KV_HEAD_START * HEAD_GROUP + group.y * ROWS;
  let kv_head = group.y * ROWS / HEAD_GROUP; // within the group that is bound
  let page_row = page_row_of(item);

  for (var i = lane; i < ROWS * FOURS; i += ${invocations}u) {
    queries[i] = q[item.token * Q_FOURS + head_start * FOURS + i] * ${1 / Math.sqrt(headLength)};
  }
  if (lane < ROWS) {
    row_max[lane] = LOWEST;
    row_sum[lane] = 0.0;
  }
  workgroupBarrier();

  let column = lane % FOURS;
  let part = lane / FOURS;
  ${eachRow((r) => `var out${r} = vec4<f32>();`)}

  for (var start = item.key_start; start < item.key_end; start += ${tileLength}u) {
    let page_start = page_of(page_row, start, kv_head);
    let tile = (start % PAGE_LENGTH) * FOURS;

    // scores of the position that this invocation owns
    let key = tile + lane * FOURS;
    ${eachRow((r) => `var dot${r} = vec4<f32>();`)}
    for (var i = 0u; i < not_constant(FOURS); i++) {
      let k = key_four(page_start, key + i);
      ${eachRow((r) => `dot${r} = fma(queries[${r}u * FOURS + i], k, dot${r});`)}
    }
    let is_there = start + lane < item.key_end;
    ${eachRow((r) => `scores[${r}][lane] = select(LOWEST, (dot${r}.x + dot${r}.y) + (dot${r}.z + dot${r}.w), is_there);`)}
    workgroupBarrier();

    if (lane < ROWS) {
      var highest = row_max[lane];
      for (var i = 0u; i < not_constant(${tileLength}u); i++) { highest = max(highest, scores[lane][i]); }
      row_scale[lane] = decay(row_max[lane] - highest);
      row_max[lane] = highest;
    }
    workgroupBarrier();

    for (var r = 0u; r < not_constant(ROWS); r++) {
      scores[r][lane] = select(0.0, decay(scores[r][lane] - row_max[r]), is_there);
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

  for (var first = 0u; first < not_constant(ROWS); first += ${rowsAtOnce}u) {
    ${unroll(Math.min(rows, rowsAtOnce), (r) => `parts[${r}][lane] = ${rowFrom(r, rows)};`)}
    workgroupBarrier();
    for (var i = lane; i < min(${rowsAtOnce}u, ROWS - first) * FOURS; i += ${invocations}u) {
      finish(item, head_start, first, i / FOURS, i % FOURS);
    }
    workgroupBarrier();
  }
}

// Adds up the parts of a row's column, and hands it on.
fn finish(item: Item, head_start: u32, first: u32, r: u32, column: u32) {
  let row = first + r;
  var sum = parts[r][column];
  for (var part = 1u; part < not_constant(PARTS); part++) { sum += parts[r][part * FOURS + column]; }
  hand_on(item, item.token, head_start + row, column, sum, row_sum[row]);
  if (column == 0u) { hand_on_state(item, head_start + row, row_max[row], row_sum[row]); }
}
`;
}

/** Row `first + r` of the result. */
function rowFrom(r: number, rows: number): string {
  return r + rowsAtOnce < rows ? `select(out${r}, out${r + rowsAtOnce}, first > 0u)` : `out${r}`;
}
