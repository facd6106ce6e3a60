import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { attention, type FlashAttnShape, headBlock } from './parts/attention.ts';
import { unroll } from './parts/values.ts';

/**
 * Attention of prompts on GPUs without matrix units: up to 64 query rows, heads × tokens that share a kv head, against
 * tiles of 64 positions, as a matmul of 64 × 64 and another. Keys, queries, weights and values meet in workgroup memory in
 * slices that fit the 16 KiB of every device; scores, sums and results stay in registers.
 *
 * An invocation owns one or two fours of neighbouring rows: for the scores with every 16th position of the tile, for the
 * results with every 16th four of columns.
 */
export interface TileAttn {
  readonly by: 'tile';
  readonly f16: boolean;
}

const rowLanes = 8;
const lanes = 16;
const invocations = rowLanes * lanes;
/** Positions per tile; divides a page. */
const tileLength = 64;
const own = tileLength / lanes; // positions of an invocation
/** Fours of a query or key in a slice. */
const sliceFours = 4;
/** Vectors of four that a slice may take: 8 KiB. */
const staged = 512;

export function flashAttnTile(shape: FlashAttnShape, { f16 }: TileAttn): string {
  const { headGroup, headLength, itemTokens } = shape;
  const block = headBlock(headGroup);
  const quads = block * itemTokens > 4 * rowLanes ? 2 : 1; // fours of rows of an invocation
  const rowQuads = quads * rowLanes;
  const fours = headLength / 4;
  const columns = Math.ceil(fours / lanes);
  const valsAtOnce = fours * lanes > staged ? lanes / 2 : lanes; // positions of a slice of values
  const eachQuad = (line: (q: number) => string) => unroll(quads, line);
  const eachKey = (line: (j: number) => string) => unroll(own, line);
  const eachScore = (line: (q: number, j: number) => string) => eachQuad((q) => eachKey((j) => line(q, j)));
  const eachResult = (line: (r: number, c: number) => string) =>
    unroll(4 * quads, (r) => unroll(columns, (c) => line(r, c)));
  return wgsl`
${attention(shape, f16)}
const ROW_QUADS = ${rowQuads}u;
// queries [values, ROW_QUADS] and keys [fours, position]; or values [position, FOURS]
var<workgroup> staged: array<vec4<f32>, ${staged}>;
// [position, ROW_QUADS]; before, the highest scores [lane, ROW_QUADS]
var<workgroup> weights: array<vec4<f32>, ${lanes * rowQuads}>;

fn token_of(item: Item, row: u32) -> u32 { return item.token + min(row / ${block}u, item.token_count - 1u); }
fn limit_of(item: Item, row: u32) -> u32 { return min(item.key_end, tokens[token_of(item, row)].position + 1u); }
fn query(item: Item, head_start: u32, row: u32, i: u32) -> vec4<f32> {
  let four = q[token_of(item, row) * Q_FOURS + (head_start + row % ${block}u) * FOURS + min(i, FOURS - 1u)];
  return select(vec4<f32>(), four, i < FOURS);
}

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let item = items[range.start + group.x];
  let head_start = KV_HEAD_START * HEAD_GROUP + group.y * ${block}u;
  let kv_head = group.y * ${block}u / HEAD_GROUP; // within the group that is bound
  let page_row = page_row_of(item);
  let lane = invocation % ${lanes}u;
  let quad = invocation / ${lanes}u * ${quads}u; // the first of this invocation's fours of rows
  ${eachQuad(
    (q) => `
  let row${q} = 4u * (quad + ${q}u);
  // positions from here on are in the future
  let limit${q} = vec4<u32>(limit_of(item, row${q}), limit_of(item, row${q} + 1u), limit_of(item, row${q} + 2u), limit_of(item, row${q} + 3u));
  var max${q} = vec4<f32>(LOWEST);
  var sum${q} = vec4<f32>();`,
  )}
  ${eachResult((r, c) => `var out${r}_${c} = vec4<f32>();`)}

  for (var start = item.key_start; start < item.key_end; start += ${tileLength}u) {
    let page_start = page_of(page_row, start, kv_head);
    let tile = (start % PAGE_LENGTH) * FOURS;

    ${eachScore((q, j) => `var score${q}_${j} = vec4<f32>();`)}
    for (var first = 0u; first < FOURS; first += ${sliceFours}u) {
      workgroupBarrier(); // all have read the slice before
      if (invocation >= ${invocations / 2}u) {
        for (var i = invocation - ${invocations / 2}u; i < ${tileLength * sliceFours}u; i += ${invocations / 2}u) {
          let four = first + i / ${tileLength}u;
          let k = key_four(page_start, tile + i % ${tileLength}u * FOURS + min(four, FOURS - 1u));
          staged[${4 * sliceFours}u * ROW_QUADS + i] = k;
        }
      } else if (invocation < ROW_QUADS * ${sliceFours}u) {
        let i = invocation / ROW_QUADS;
        let row = 4u * (invocation % ROW_QUADS);
        let four = transpose(mat4x4<f32>(query(item, head_start, row, first + i), query(item, head_start, row + 1u, first + i),
                                         query(item, head_start, row + 2u, first + i), query(item, head_start, row + 3u, first + i)));
        ${unroll(4, (d) => `staged[(4u * i + ${d}u) * ROW_QUADS + row / 4u] = four[${d}];`)}
      }
      workgroupBarrier();
      for (var i = 0u; i < not_constant(${sliceFours}u); i++) {
        ${eachKey((j) => `let k${j} = staged[${4 * sliceFours}u * ROW_QUADS + i * ${tileLength}u + ${j * lanes}u + lane];`)}
        ${unroll(
          4,
          (d) => `{
          ${eachQuad((q) => `let q${q} = staged[(4u * i + ${d}u) * ROW_QUADS + quad + ${q}u];`)}
          ${eachScore((q, j) => `score${q}_${j} = fma(q${q}, vec4<f32>(k${j}[${d}]), score${q}_${j});`)}
        }`,
        )}
      }
    }
    ${eachKey(
      (j) => `
    let position${j} = vec4<u32>(start + ${j * lanes}u + lane);
    ${eachQuad((q) => `score${q}_${j} = select(vec4<f32>(LOWEST), score${q}_${j} * ${1 / Math.sqrt(headLength)}, position${j} < limit${q});`)}`,
    )}
    ${eachQuad(
      (q) =>
        `weights[lane * ROW_QUADS + quad + ${q}u] = max(max(score${q}_0, score${q}_1), max(score${q}_2, score${q}_3));`,
    )}
    workgroupBarrier();
    ${eachQuad((q) => `var highest${q} = max${q};`)}
    for (var i = 0u; i < not_constant(${lanes}u); i++) {
      ${eachQuad((q) => `highest${q} = max(highest${q}, weights[i * ROW_QUADS + quad + ${q}u]);`)}
    }
    ${eachQuad(
      (q) => `
    let scale${q} = decays(max${q} - highest${q});
    max${q} = highest${q};
    sum${q} *= scale${q};`,
    )}
    ${eachResult((r, c) => `out${r}_${c} *= scale${r >> 2}[${r & 3}];`)}
    ${eachScore(
      (q, j) =>
        `score${q}_${j} = select(vec4<f32>(), decays(score${q}_${j} - max${q}), position${j} < limit${q}); // from here on the weight`,
    )}

    for (var slice = 0u; slice < not_constant(${tileLength / valsAtOnce}u); slice++) {
      let j = slice / ${lanes / valsAtOnce}u;
      workgroupBarrier(); // all have read the slice before
      ${eachQuad(
        (q) => `
      weights[lane * ROW_QUADS + quad + ${q}u] =
        select(select(score${q}_0, score${q}_1, j == 1u), select(score${q}_2, score${q}_3, j == 3u), j >= 2u);`,
      )}
      for (var i = invocation; i < ${valsAtOnce}u * FOURS; i += ${invocations}u) {
        let position = slice * ${valsAtOnce}u + i / FOURS;
        let v = val_four(page_start, tile + slice * ${valsAtOnce}u * FOURS + i);
        staged[i] = select(vec4<f32>(), v, start + position < item.key_end); // what is behind it may be no numbers
      }
      workgroupBarrier();
      for (var i = 0u; i < not_constant(${valsAtOnce}u); i++) {
        let position = slice % ${lanes / valsAtOnce}u * ${valsAtOnce}u + i;
        ${eachQuad((q) => `let weight${q} = weights[position * ROW_QUADS + quad + ${q}u]; sum${q} += weight${q};`)}
        ${unroll(columns, (c) => `let v${c} = staged[i * FOURS + min(lane + ${c * lanes}u, FOURS - 1u)];`)}
        ${eachResult((r, c) => `out${r}_${c} = fma(vec4<f32>(weight${r >> 2}[${r & 3}]), v${c}, out${r}_${c});`)}
      }
    }
  }
  ${unroll(
    4 * quads,
    (r) => `
  if (row${r >> 2} + ${r & 3}u < item.token_count * ${block}u) {
    let token = token_of(item, row${r >> 2} + ${r & 3}u);
    let head = head_start + (row${r >> 2} + ${r & 3}u) % ${block}u;
    let sum = sum${r >> 2}[${r & 3}];
    ${unroll(columns, (c) => `if (lane + ${c * lanes}u < FOURS) { hand_on(item, token, head, lane + ${c * lanes}u, out${r}_${c}, sum); }`)}
    if (lane == 0u) { hand_on_state(item, head, max${r >> 2}[${r & 3}], sum); }
  }`,
  )}
}
`;
}
