import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Features } from '../src/gpu/device.ts';
import type { MulMatShape } from './mul_mat_cases.ts';
import { after, silu } from './parts/after.ts';
import { type MatrixVariant, matrices, matrixVariants, subgroupSize } from './parts/matrices.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import type { BlockType } from './quants/block_type.ts';
import { matmulTypes } from './quants/index.ts';

/**
 * The tile of GPUs with matrix units, for int8: a workgroup of four subgroups multiplies 64 tokens with 64 rows, each
 * subgroup a quarter. Values are unpacked into workgroup memory as what the units take, f16 or f32; sums are f32 always.
 *
 * So that none leaves the range of f16, each row and each token is scaled by a power of two, its largest block's scale to
 * 1 … 2, and results are scaled back: whatever the activations, no value is beyond 2 · 127.
 */
const tileRows = 64;
const tileTokens = 64;
/** Subgroups along tokens and along rows. */
const across = 2;
const subgroups = across * across;
/** Values between the ends of rows in workgroup memory: neighbours begin in different banks. */
const padding = 8;

/** Rows and tokens of a workgroup. */
export const matrixSize = [tileRows, tileTokens] as const;

/** Tiles of the adapter's own shapes: those that sum in f32, the largest first. */
export function matrixTiles({ type, activation }: MulMatShape, features: Features): MatrixVariant[] {
  if (activation !== 'q8' || !matmulTypes[type]?.int8) return [];
  return matrixVariants(
    features,
    ({ m, n, k }) => (tileTokens / across) % m === 0 && (tileRows / across) % n === 0 && 16 % k === 0,
  );
}

/** Needs `override BLOCKS` and `DST_STRIDE`. */
export function mulMatMatrix(shape: MulMatShape, variant: MatrixVariant): string {
  const { m, n, k, f16, subgroup } = variant;
  const type = matmulTypes[shape.type] as BlockType;
  const invocations = subgroups * subgroup;
  const fours = f16 ? 8 : 4; // of a row in a step: f32 fills workgroup memory twice as fast
  const stride = 4 * fours + padding;
  const [lefts, rights] = [tileTokens / across / m, tileRows / across / n];
  const eachLeft = (line: (i: number) => string) => unroll(lefts, line);
  const eachRight = (line: (j: number) => string) => unroll(rights, line);
  const eachSum = (line: (i: number, j: number) => string) => eachLeft((i) => eachRight((j) => line(i, j)));
  return wgsl`
${matrices(variant)}
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a: false, f16: false, inTurns: shape.after === 'swiglu' })}
var<storage, read> act_q: array<u32>; // [token, BLOCKS × 8]
var<storage, read> act_s: array<f32>; // [token, BLOCKS]
${silu}
${after(shape.after)}

var<workgroup> weights: array<Component, ${tileRows * stride}>; // [row, values of a step]
var<workgroup> acts: array<Component, ${tileTokens * stride}>; // [token, values of a step]
var<workgroup> row_powers: array<f32, ${tileRows}>; // what a row's values are divided by
var<workgroup> token_powers: array<f32, ${tileTokens}>;
var<workgroup> results: array<f32, ${subgroups * m * n}>; // [subgroup, tokens, rows]

fn row_of(first_pair: u32, i: u32) -> u32 { return 2u * min(first_pair + i / 2u, tile.pair_count - 1u) + (i & 1u); }

@compute @workgroup_size(${invocations}) ${subgroupSize(variant)}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let first_pair = group.x * ${tileRows / 2}u;
  let first = range.start + group.y * ${tileTokens}u;
  let end = range.start + range.count;
  let own = invocation / ${subgroup}u; // subgroup
  let own_tokens = own / ${across}u * ${tileTokens / across}u;
  let own_rows = own % ${across}u * ${tileRows / across}u;

  for (var i = invocation; i < ${tileRows}u; i += ${invocations}u) {
    let row = row_of(first_pair, i);
    var most = 0.0;
    for (var two = 0u; two < BLOCKS / 2u; two++) {
      let scales = abs(weight_scales(row, two));
      most = max(most, max(scales.x, scales.y));
    }
    row_powers[i] = power(most);
  }
  for (var i = invocation; i < ${tileTokens}u; i += ${invocations}u) {
    let token = min(first + i, end - 1u);
    var most = 0.0;
    for (var block = 0u; block < BLOCKS; block++) { most = max(most, act_s[token * BLOCKS + block]); }
    token_powers[i] = power(most);
  }
  workgroupBarrier();

  ${eachSum((i, j) => `var sums${i}_${j} = Sums();`)}
  for (var step = 0u; step < BLOCKS * ${8 / fours}u; step++) {
    for (var i = invocation; i < ${tileRows * fours}u; i += ${invocations}u) {
      let own_row = i / ${fours}u;
      let row = row_of(first_pair, own_row);
      let four = step * ${fours}u + i % ${fours}u;
      let scales = weight_scales(row, four / 16u) * inverse_power(row_powers[own_row]);
      let v = vec4<Component>(weight_four(row, four, select(scales.x, scales.y, (four & 8u) == 8u)));
      let at = own_row * ${stride}u + i % ${fours}u * 4u;
      ${unroll(4, (c) => `weights[at + ${c}u] = v[${c}];`)}
    }
    for (var i = invocation; i < ${tileTokens * fours}u; i += ${invocations}u) {
      let own_token = i / ${fours}u;
      let token = min(first + own_token, end - 1u);
      let four = step * ${fours}u + i % ${fours}u;
      let scale = act_s[token * BLOCKS + four / 8u] * inverse_power(token_powers[own_token]);
      let v = vec4<Component>(scale * vec4<f32>(unpack_i8(act_q[token * BLOCKS * 8u + four])));
      let at = own_token * ${stride}u + i % ${fours}u * 4u;
      ${unroll(4, (c) => `acts[at + ${c}u] = v[${c}];`)}
    }
    workgroupBarrier();
    ${unroll(
      (4 * fours) / k,
      (s) => `{
      ${eachLeft((i) => `let left${i} = subgroupMatrixLoad<Left, row_major>(&acts, (own_tokens + ${i * m}u) * ${stride}u + ${s * k}u, ${stride}u);`)}
      ${eachRight((j) => `let right${j} = subgroupMatrixLoad<Right, col_major>(&weights, (own_rows + ${j * n}u) * ${stride}u + ${s * k}u, ${stride}u);`)}
      ${eachSum((i, j) => `sums${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sums${i}_${j});`)}
    }`,
    )}
    workgroupBarrier();
  }

  ${eachSum(
    (i, j) => `
  subgroupMatrixStore<row_major>(&results, own * ${m * n}u, sums${i}_${j}, ${n}u);
  workgroupBarrier();
  hand_on(own, invocation % ${subgroup}u, first_pair, own_rows + ${j * n}u, first, end, own_tokens + ${i * m}u);
  workgroupBarrier();`,
  )}
}

// A matrix of results of subgroup \`own\`, whose rows and tokens begin so far into the workgroup's.
fn hand_on(own: u32, lane: u32, first_pair: u32, own_rows: u32, first: u32, end: u32, own_tokens: u32) {
  for (var i = lane; i < ${(m * n) / 2}u; i += ${subgroup}u) {
    let t = own_tokens + i / ${n / 2}u;
    let r = own_rows + i % ${n / 2}u * 2u;
    let at = own * ${m * n}u + 2u * i;
    let v = vec2<f32>(results[at], results[at + 1u]) * token_powers[t] * vec2<f32>(row_powers[r], row_powers[r + 1u]);
    let pair = first_pair + r / 2u;
    if (first + t < end && pair < tile.pair_count) { after(tile.pair_start + pair, first + t, v); }
  }
}
`;
}
