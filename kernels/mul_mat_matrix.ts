import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Features } from '../src/gpu/device.ts';
import type { MulMatShape } from './mul_mat_cases.ts';
import { activation } from './parts/activation.ts';
import { after, silu } from './parts/after.ts';
import { type MatrixVariant, matrices, matrixVariants, subgroupSize } from './parts/matrices.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import type { BlockType } from './quants/block_type.ts';
import { matmulTypes } from './quants/index.ts';

/**
 * The tile of GPUs with matrix units, for int8: a workgroup of four subgroups multiplies 64 tokens with 64 rows, each
 * subgroup a quarter. Values are unpacked into workgroup memory as what the units take, f16 or f32; sums are f32 always.
 * The next step's pieces, 16 int8 of a row or token with their scale, are on their way from memory while this one's are
 * multiplied.
 *
 * So that none leaves the range of f16, each row and each token is scaled by a power of two, its largest block's scale to
 * 1 … 2, and results are scaled back: whatever the activations, no value is beyond 2 · 127.
 */
const tileRows = 64;
const tileTokens = 64;
/** Rows, then tokens. */
const lines = tileRows + tileTokens;
/** Subgroups along tokens and along rows. */
const across = 2;
const subgroups = across * across;
/** Values between the ends of rows in workgroup memory: neighbours begin in different banks. */
const padding = 8;

/** Of a line in a step: f32 fills workgroup memory twice as fast. */
const piecesOf = (f16: boolean) => (f16 ? 2 : 1);

/** Rows and tokens of a workgroup. */
export const matrixSize = [tileRows, tileTokens] as const;

/** Tiles of the adapter's own shapes: those that sum in f32, the largest first. */
export function matrixTiles({ type, activation }: MulMatShape, features: Features): MatrixVariant[] {
  if (activation !== 'q8' || !matmulTypes[type]?.int8) return [];
  return matrixVariants(features, ({ m, n, k, f16, subgroup }) => {
    const divides = (tileTokens / across) % m === 0 && (tileRows / across) % n === 0 && 16 % k === 0;
    return divides && (lines * piecesOf(f16)) % (subgroups * subgroup) === 0;
  });
}

/** Needs `override BLOCKS` and `DST_STRIDE`. */
export function mulMatMatrix(shape: MulMatShape, variant: MatrixVariant): string {
  const { m, n, k, f16, subgroup } = variant;
  const type = matmulTypes[shape.type] as BlockType;
  const invocations = subgroups * subgroup;
  const pieces = piecesOf(f16);
  const stride = 16 * pieces + padding;
  const own = (lines * pieces) / invocations; // pieces that an invocation fetches
  const eachOwn = (line: (i: number) => string) => unroll(own, line);
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
${activation('q8', type.fours)}
${silu}
${after(shape.after)}

var<workgroup> staged: array<Component, ${lines * stride}>; // [line, values of a step]
var<workgroup> powers: array<f32, ${lines}>; // what a line's values are divided by
var<workgroup> results: array<f32, ${subgroups * m * n}>; // [subgroup, tokens, rows]

struct Piece {
  words: vec4<u32>,
  scale: f32,
}
// Of blocks 2 · two and 2 · two + 1 of a row, or of a token.
fn scales_of(is_row: bool, index: u32, two: u32) -> vec2<f32> {
  if (is_row) { return weight_scales(index, two); }
  return vec2<f32>(act_scale(index, 2u * two), act_scale(index, 2u * two + 1u));
}
// The i-th piece of a row, or of a token.
fn piece_of(is_row: bool, index: u32, i: u32) -> Piece {
  if (is_row) {
    let block = weight_packed(index, i / 2u);
    return Piece(select(block.lo, block.hi, (i & 1u) == 1u), weight_scale(index, i / 2u));
  }
  return Piece(act_q[index * BLOCKS * 2u + i], act_scale(index, i / 2u));
}

@compute @workgroup_size(${invocations}) ${subgroupSize(variant)}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let first_pair = group.x * ${tileRows / 2}u;
  let first = range.start + group.y * ${tileTokens}u;
  let end = range.start + range.count;
  let own = invocation / ${subgroup}u; // subgroup
  let own_tokens = own / ${across}u * ${tileTokens / across}u;
  let own_rows = own % ${across}u * ${tileRows / across}u;

  for (var line = invocation; line < ${lines}u; line += ${invocations}u) {
    let is_row = line < ${tileRows}u;
    let index = select(min(first + line - ${tileRows}u, end - 1u), row_of(first_pair, line), is_row);
    var most = 0.0;
    for (var two = 0u; two < BLOCKS / 2u; two++) {
      let scales = abs(scales_of(is_row, index, two));
      most = max(most, max(scales.x, scales.y));
    }
    powers[line] = power(most);
  }
  workgroupBarrier();
  ${eachOwn(
    (i) => `
  let line${i} = (invocation + ${i * invocations}u) / ${pieces}u;
  let piece${i} = (invocation + ${i * invocations}u) % ${pieces}u;
  let is_row${i} = line${i} < ${tileRows}u;
  let index${i} = select(min(first + line${i} - ${tileRows}u, end - 1u), row_of(first_pair, line${i}), is_row${i});
  let inverse${i} = inverse_power(powers[line${i}]);
  var next${i} = piece_of(is_row${i}, index${i}, piece${i});`,
  )}

  ${eachSum((i, j) => `var sums${i}_${j} = Sums();`)}
  for (var step = 0u; step < BLOCKS * 2u / ${pieces}u; step++) {
    workgroupBarrier(); // all have read the last step's
    ${eachOwn((i) =>
      unroll(
        4,
        (w) => `{
      let v = vec4<Component>(next${i}.scale * inverse${i} * vec4<f32>(unpack_i8(next${i}.words[${w}])));
      let at = line${i} * ${stride}u + piece${i} * 16u + ${4 * w}u;
      ${unroll(4, (c) => `staged[at + ${c}u] = v[${c}];`)}
    }`,
      ),
    )}
    workgroupBarrier();
    let after_step = min(step + 1u, BLOCKS * 2u / ${pieces}u - 1u);
    ${eachOwn((i) => `next${i} = piece_of(is_row${i}, index${i}, after_step * ${pieces}u + piece${i});`)}
    ${unroll(
      (16 * pieces) / k,
      (s) => `{
      ${eachLeft((i) => `let left${i} = subgroupMatrixLoad<Left, row_major>(&staged, (own_tokens + ${tileRows}u + ${i * m}u) * ${stride}u + ${s * k}u, ${stride}u);`)}
      ${eachRight((j) => `let right${j} = subgroupMatrixLoad<Right, col_major>(&staged, (own_rows + ${j * n}u) * ${stride}u + ${s * k}u, ${stride}u);`)}
      ${eachSum((i, j) => `sums${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sums${i}_${j});`)}
    }`,
    )}
  }

  ${eachSum(
    (i, j) => `
  subgroupMatrixStore<row_major>(&results, own * ${m * n}u, sums${i}_${j}, ${n}u);
  workgroupBarrier();
  hand_on(own, invocation % ${subgroup}u, first_pair, own_rows + ${j * n}u, first, end, own_tokens + ${i * m}u);
  workgroupBarrier();`,
  )}
}

fn row_of(first_pair: u32, i: u32) -> u32 { return 2u * min(first_pair + i / 2u, tile.pair_count - 1u) + (i & 1u); }

// A matrix of results of subgroup \`own\`, whose rows and tokens begin so far into the workgroup's.
fn hand_on(own: u32, lane: u32, first_pair: u32, own_rows: u32, first: u32, end: u32, own_tokens: u32) {
  for (var i = lane; i < ${(m * n) / 2}u; i += ${subgroup}u) {
    let t = own_tokens + i / ${n / 2}u;
    let r = own_rows + i % ${n / 2}u * 2u;
    let at = own * ${m * n}u + 2u * i;
    let v = vec2<f32>(results[at], results[at + 1u]) * powers[${tileRows}u + t] * vec2<f32>(powers[r], powers[r + 1u]);
    let pair = first_pair + r / 2u;
    if (first + t < end && pair < tile.pair_count) { after(tile.pair_start + pair, first + t, v); }
  }
}
`;
}
