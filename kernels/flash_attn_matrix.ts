import type { Features } from '../src/gpu/device.ts';
import { attention, type FlashAttnShape, headBlock } from './parts/attention.ts';
import { hasScales } from './parts/kv.ts';
import { type MatrixVariant, matrices, matrixVariants, subgroupSize } from './parts/matrices.ts';
import { unroll } from './parts/values.ts';

/**
 * Attention of prompts on GPUs with matrix units: 64 query rows, heads × tokens that share a kv head, against tiles of 64
 * positions. A subgroup owns half as many rows as it has invocations, whole: their queries stay in its registers as
 * matrices, and so do their results; two invocations own a row's scores.
 *
 * Keys and values are staged as what the units take, f16 or f32; sums and the state of the softmax are f32 always. So that
 * nothing leaves the range of f16, each query is scaled by a power of two to 1 … 2, and int8 keys and values by 2^-7.
 * Nothing can multiply the rows of a matrix each by a number of its own: so weights are relative to a maximum that stays
 * until a score is far beyond it, which is seldom after the first tile, and only then results go through workgroup memory.
 */
const invocations = 128;
const tileRows = invocations / 2;
/** Positions per tile; divides a page. */
const tileLength = 64;
/** Positions whose scores and values stand in workgroup memory at once. */
const blockLength = 16;
const blocks = tileLength / blockLength;
/** Values of a query or key that do. */
const sliceLength = 32;
/** Values between the ends of rows in workgroup memory: neighbours begin in different banks. */
const padding = 8;
const scoreStride = blockLength + 4;
const maxHeadLength = 128;
/** How far a score may be beyond the maximum that weights are relative to: they stay below 150. */
const slack = 5;

/** f16 rounds keys and values, which must not be f32 then. */
export function matrixAttn({ kvType, headLength }: FlashAttnShape, features: Features): MatrixVariant[] {
  if (headLength % blockLength !== 0 || headLength > maxHeadLength) return [];
  return matrixVariants(features, ({ m, n, k, f16, subgroup }) => {
    const divides = (subgroup / 2) % m === 0 && blockLength % n === 0 && blockLength % k === 0;
    return divides && invocations % subgroup === 0 && !(f16 && kvType === 'f32');
  });
}

export function flashAttnMatrix(shape: FlashAttnShape, variant: MatrixVariant): string {
  const { kvType, headGroup, headLength } = shape;
  const { m, n, k, f16, subgroup } = variant;
  const block = headBlock(headGroup);
  const lefts = subgroup / 2 / m; // matrices along a subgroup's rows
  const fours = headLength / 4;
  const stride = sliceLength + padding;
  const valStride = headLength + padding;
  const weightStride = f16 ? blockLength + padding : scoreStride;
  const weights = f16 ? 'weights' : 'scores'; // f32 weights take the place of the scores
  const scale = f16 && hasScales(kvType) ? 2 ** -7 : 1; // of keys and values
  const slices = Array.from({ length: Math.ceil(headLength / sliceLength) }, (_, s) => {
    const start = s * sliceLength;
    return { start, length: Math.min(sliceLength, headLength - start) };
  });
  const eachLeft = (line: (i: number) => string) => unroll(lefts, line);
  const eachBlock = (line: (b: number) => string) => unroll(blocks, line);
  /** Matrices of `length` columns or values from `start` on. */
  const along = (side: number, length: number, line: (c: number) => string, start = 0) =>
    unroll(length / side, (c) => line(start / side + c));
  const eachResult = (line: (i: number, c: number) => string) =>
    eachLeft((i) => along(n, headLength, (c) => line(i, c)));
  /** Where the i-th matrix of a subgroup's rows starts at a column. */
  const at = (i: number, rowStride: number, column: number) => `(own_rows + ${i * m}u) * ${rowStride}u + ${column}u`;
  /** The matrices of a block's columns, to `scores` and back. */
  const eachOfBlock = (b: number, line: (i: number, c: number, place: string) => string) =>
    eachLeft((i) =>
      along(n, blockLength, (c) => line(i, c, at(i, scoreStride, c * n - b * blockLength)), b * blockLength),
    );
  const store = (name: string, b: number) =>
    eachOfBlock(
      b,
      (i, c, place) => `subgroupMatrixStore<row_major>(&scores, ${place}, ${name}${i}_${c}, ${scoreStride}u);`,
    );
  const load = (name: string, b: number) =>
    eachOfBlock(
      b,
      (i, c, place) => `${name}${i}_${c} = subgroupMatrixLoad<Sums, row_major>(&scores, ${place}, ${scoreStride}u);`,
    );
  const four = (e: number) => `vec4<f32>(${[0, 1, 2, 3].map((d) => `scores[own_scores + ${4 * e + d}u]`).join(', ')})`;
  const put = (array: string, index: string, v: string) => unroll(4, (d) => `${array}[${index} + ${d}u] = ${v}[${d}];`);

  return `
${matrices(variant)}
${attention(shape, false)}
// queries [row, values of a slice], keys [position, values of a slice]; or values [position, headLength]
var<workgroup> staged: array<Component, ${Math.max(tileLength * stride, blockLength * valStride)}>;
var<workgroup> scores: array<f32, ${tileRows * scoreStride}>; // [row, positions of a block]; or results on their way
${f16 ? `var<workgroup> weights: array<f16, ${tileRows * weightStride}>; // [row, positions of a block]` : ''}
var<workgroup> grown: atomic<u32>; // the last tile whose scores were far beyond a row's maximum, by its start + 1

fn highest_of(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

@compute @workgroup_size(${invocations}) ${subgroupSize(variant)}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let item = items[range.start + group.x];
  let kv_head = group.y * ${block}u / HEAD_GROUP; // within the group that is bound
  let page_row = page_row_of(item);
  let own_rows = invocation / ${subgroup}u * ${subgroup / 2}u; // of the subgroup: the first
  let row = invocation / 2u;
  let half = invocation % 2u;
  let own_scores = row * ${scoreStride}u + half * ${blockLength / 2}u;
  let token = item.token + min(row / ${block}u, item.token_count - 1u);
  let head = KV_HEAD_START * HEAD_GROUP + group.y * ${block}u + row % ${block}u;
  let query = token * Q_FOURS + head * FOURS;
  let limit = min(item.key_end, tokens[token].position + 1u); // positions from here on are in the future

  var most = 0.0;
  for (var i = 0u; i < FOURS; i++) { most = max(most, highest_of(abs(q[query + i]))); }
  let factor = power(most) * ${1 / Math.sqrt(headLength) / scale};
  ${slices
    .map(
      ({ start, length }) => `
  workgroupBarrier();
  for (var i = 0u; i < ${length / 8}u; i++) {
    let v = vec4<Component>(q[query + ${start / 4}u + half * ${length / 8}u + i] * inverse_power(most));
    ${put('staged', `row * ${stride}u + (half * ${length / 8}u + i) * 4u`, 'v')}
  }
  workgroupBarrier();
  ${eachLeft((i) => along(k, length, (c) => `let query${i}_${c} = subgroupMatrixLoad<Left, row_major>(&staged, ${at(i, stride, c * k - start)}, ${stride}u);`, start))}`,
    )
    .join('\n')}

  var highest = LOWEST; // what weights are relative to
  var sum = 0.0; // of this invocation's weights
  ${eachResult((i, c) => `var out${i}_${c} = Sums();`)}

  for (var start = item.key_start; start < item.key_end; start += ${tileLength}u) {
    let page_start = page_of(page_row, start, kv_head);
    let tile = (start % PAGE_LENGTH) * FOURS;

    ${eachLeft((i) => along(n, tileLength, (c) => `var dots${i}_${c} = Sums();`))}
    ${slices
      .map(
        ({ start, length }) => `
    workgroupBarrier();
    for (var i = invocation; i < ${(tileLength * length) / 4}u; i += ${invocations}u) {
      let position = i / ${length / 4}u;
      let v = vec4<Component>(key_four(page_start, tile + position * FOURS + ${start / 4}u + i % ${length / 4}u) * ${scale});
      ${put('staged', `position * ${stride}u + i % ${length / 4}u * 4u`, 'v')}
    }
    workgroupBarrier();
    ${along(
      k,
      length,
      (d) =>
        along(
          n,
          tileLength,
          (c) => `{
      let keys = subgroupMatrixLoad<Right, col_major>(&staged, ${c * n * stride + d * k - start}u, ${stride}u);
      ${eachLeft((i) => `dots${i}_${c} = subgroupMatrixMultiplyAccumulate(query${i}_${d}, keys, dots${i}_${c});`)}
    }`,
        ),
      start,
    )}`,
      )
      .join('\n')}

    // scores of this invocation: of each block, half a row's
    ${eachBlock(
      (b) => `
    ${store('dots', b)}
    workgroupBarrier();
    let position${b} = vec4<u32>(start + ${b * blockLength}u + half * ${blockLength / 2}u) + vec4<u32>(0u, 1u, 2u, 3u);
    ${unroll(2, (e) => `let score${b}_${e} = select(vec4<f32>(LOWEST), ${four(e)} * factor, position${b} + ${4 * e}u < vec4<u32>(limit));`)}
    workgroupBarrier();`,
    )}
    var tile_highest = LOWEST;
    ${eachBlock((b) => unroll(2, (e) => `tile_highest = max(tile_highest, highest_of(score${b}_${e}));`))}
    tile_highest = max(tile_highest, subgroupShuffleXor(tile_highest, 1u));
    let grows = tile_highest > highest + ${slack}.0;
    if (grows) { atomicStore(&grown, start + 1u); }
    if (workgroupUniformLoad(&grown) == start + 1u) {
      let shrink = select(1.0, decay(highest - tile_highest), grows);
      highest = select(highest, tile_highest, grows);
      sum *= shrink;
      ${unroll(
        headLength / blockLength,
        (b) => `
      ${store('out', b)}
      workgroupBarrier();
      ${unroll(blockLength / 2, (e) => `scores[own_scores + ${e}u] *= shrink;`)}
      workgroupBarrier();
      ${load('out', b)}
      workgroupBarrier();`,
      )}
    }

    ${eachBlock(
      (b) => `
    workgroupBarrier();
    ${unroll(
      2,
      (e) => `{
      let weight = vec4<Component>(select(vec4<f32>(), decays(score${b}_${e} - highest), position${b} + ${4 * e}u < vec4<u32>(limit)));
      ${put(weights, `row * ${weightStride}u + half * ${blockLength / 2}u + ${4 * e}u`, 'weight')}
      let rounded = vec4<f32>(weight);
      sum += (rounded.x + rounded.y) + (rounded.z + rounded.w);
    }`,
    )}
    for (var i = invocation; i < ${blockLength * fours}u; i += ${invocations}u) {
      let position = ${b * blockLength}u + i / FOURS;
      let four = val_four(page_start, tile + ${b * blockLength * fours}u + i) * ${scale};
      let v = vec4<Component>(select(vec4<f32>(), four, start + position < item.key_end)); // what is behind it may be no numbers
      ${put('staged', `i / FOURS * ${valStride}u + i % FOURS * 4u`, 'v')}
    }
    workgroupBarrier();
    ${along(
      k,
      blockLength,
      (d) => `{
      ${eachLeft((i) => `let row_weights${i} = subgroupMatrixLoad<Left, row_major>(&${weights}, ${at(i, weightStride, d * k)}, ${weightStride}u);`)}
      ${along(
        n,
        headLength,
        (c) => `{
        let vals = subgroupMatrixLoad<Right, row_major>(&staged, ${d * k * valStride + c * n}u, ${valStride}u);
        ${eachLeft((i) => `out${i}_${c} = subgroupMatrixMultiplyAccumulate(row_weights${i}, vals, out${i}_${c});`)}
      }`,
      )}
    }`,
    )}`,
    )}
  }

  sum += subgroupShuffleXor(sum, 1u);
  let is_own = row < item.token_count * ${block}u;
  ${unroll(
    headLength / blockLength,
    (b) => `
  workgroupBarrier();
  ${store('out', b)}
  workgroupBarrier();
  if (is_own) {
    ${unroll(2, (e) => `hand_on(item, token, head, ${b * 4 + e}u + half * 2u, ${four(e)} * ${1 / scale}, sum);`)}
  }`,
  )}
  if (is_own && half == 0u) { hand_on_state(item, head, highest, sum); }
}
`;
}
