import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { MulMatShape } from './mul_mat_cases.ts';
import { activation } from './parts/activation.ts';
import { after, silu } from './parts/after.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import type { BlockType } from './quants/block_type.ts';
import { matmulTypes } from './quants/index.ts';

/**
 * The tile of GPUs without matrix units: weights and activations of 64 rows and 64 tokens meet in workgroup memory, and
 * an invocation multiplies 8 rows with 4 tokens in registers. A piece is what one aligned load of workgroup memory brings:
 * 16 int8, or 4 floats. The next step's pieces are on their way from memory while this one's are multiplied.
 */
export interface WorkgroupTile {
  readonly by: 'workgroup';
  readonly dp4a: boolean;
  readonly f16: boolean;
}

const invocations = 128;
const tileRows = 64;
const tileTokens = 64;
/** Of an invocation: pairs of rows stand `pairLanes` apart and tokens `tokenLanes`, so that neighbours read neighbours. */
const pairs = 4;
const columns = 4;
const pairLanes = tileRows / 2 / pairs;
const tokenLanes = tileTokens / columns;

/** Rows and tokens of a workgroup. */
export const workgroupSize = [tileRows, tileTokens] as const;

/** Needs `override BLOCKS` and `DST_STRIDE`. */
export function mulMatTile(shape: MulMatShape, { dp4a, f16 }: WorkgroupTile): string {
  const type = matmulTypes[shape.type] as BlockType;
  const q8 = shape.activation === 'q8';
  const pieces = q8 ? 2 : 4; // of a row in a step
  const own = (pieces * (tileRows + tileTokens)) / invocations; // pieces that an invocation fetches
  const rows = 2 * pairs;
  const eachOwn = (line: (i: number) => string) => unroll(own, line);
  const eachRow = (line: (r: number) => string) => unroll(rows, line);
  const eachColumn = (line: (c: number) => string) => unroll(columns, line);
  const eachSum = (line: (r: number, c: number) => string) => eachRow((r) => eachColumn((c) => line(r, c)));
  return wgsl`
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a, f16, inTurns: shape.after === 'swiglu' })}
${activation(shape.activation, type.fours)}
${silu}
${after(shape.after)}

#if ${q8}
alias Piece = vec4<u32>;
var<workgroup> row_scales: array<f32, ${tileRows}>; // [parity, pair]
var<workgroup> token_scales: array<f32, ${tileTokens}>;
#else
alias Piece = vec4<f32>;
#endif
var<workgroup> weights: array<Piece, ${pieces * tileRows}>; // [piece, parity, pair]
var<workgroup> acts: array<Piece, ${pieces * tileTokens}>; // [piece, token]

#if ${q8}
fn weight_piece(row: u32, step: u32, piece: u32) -> Piece {
  let block = weight_packed(row, step);
  return select(block.lo, block.hi, piece == 1u);
}
fn act_piece(token: u32, step: u32, piece: u32) -> Piece { return act_q[(token * BLOCKS + step) * 2u + piece]; }
#else
fn weight_piece(row: u32, step: u32, piece: u32) -> Piece {
  let scales = weight_scales(row, step / 4u);
  return weight_four(row, step * 4u + piece, select(scales.x, scales.y, (step & 2u) == 2u));
}
fn act_piece(token: u32, step: u32, piece: u32) -> Piece { return act[token * BLOCKS * 8u + step * 4u + piece]; }
#endif

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let first_pair = group.x * ${tileRows / 2}u;
  let first = range.start + group.y * ${tileTokens}u;
  let end = range.start + range.count;

  // half of the invocations fetch weights, half activations: each of a row or token of its own, pieces apart
  let fetches_weights = invocation < ${invocations / 2}u;
  let slot = invocation % ${invocations / 2}u;
  let fetched_row = 2u * min(first_pair + slot % ${tileRows / 2}u, tile.pair_count - 1u) + slot / ${tileRows / 2}u;
  let fetched_token = min(first + slot, end - 1u);
  ${eachOwn((i) => `var next${i} = Piece();`)}
  var next_scale = 0.0;

  let pair_lane = invocation % ${pairLanes}u;
  let token_lane = invocation / ${pairLanes}u;
  ${eachSum((r, c) => `var sum${r}_${c} = 0.0;`)}

  for (var step = 0u; step <= BLOCKS${q8 ? '' : ' * 2u'}; step++) {
    if (step > 0u) {
      workgroupBarrier(); // all have read the last step's
      if (fetches_weights) {
        ${eachOwn((i) => `weights[${i * tileRows}u + slot] = next${i};`)}
        ${q8 ? 'row_scales[slot] = next_scale;' : ''}
      } else {
        ${eachOwn((i) => `acts[${i * tileTokens}u + slot] = next${i};`)}
        ${q8 ? 'token_scales[slot] = next_scale;' : ''}
      }
      workgroupBarrier();
    }
    if (step < BLOCKS${q8 ? '' : ' * 2u'}) {
      if (fetches_weights) {
        ${eachOwn((i) => `next${i} = weight_piece(fetched_row, step, ${i}u);`)}
        ${q8 ? 'next_scale = weight_scale(fetched_row, step);' : ''}
      } else {
        ${eachOwn((i) => `next${i} = act_piece(fetched_token, step, ${i}u);`)}
        ${q8 ? 'next_scale = act_scale(fetched_token, step);' : ''}
      }
    }
    if (step == 0u) { continue; }
#if ${q8}
    ${eachSum((r, c) => `var dot${r}_${c} = 0i;`)}
#endif
    for (var piece = 0u; piece < ${pieces}u; piece++) {
      ${eachRow((r) => `let w${r} = weights[piece * ${tileRows}u + ${(r & 1) * (tileRows / 2) + (r >> 1) * pairLanes}u + pair_lane];`)}
      ${eachColumn((c) => `let x${c} = acts[piece * ${tileTokens}u + ${c * tokenLanes}u + token_lane];`)}
#if ${q8}
      ${eachSum((r, c) => `dot${r}_${c} += (dot4(w${r}.x, x${c}.x) + dot4(w${r}.y, x${c}.y)) + (dot4(w${r}.z, x${c}.z) + dot4(w${r}.w, x${c}.w));`)}
#else
      ${eachSum((r, c) => `sum${r}_${c} = fma(w${r}.w, x${c}.w, fma(w${r}.z, x${c}.z, fma(w${r}.y, x${c}.y, fma(w${r}.x, x${c}.x, sum${r}_${c}))));`)}
#endif
    }
#if ${q8}
    ${eachRow((r) => `let ws${r} = row_scales[${(r & 1) * (tileRows / 2) + (r >> 1) * pairLanes}u + pair_lane];`)}
    ${eachColumn((c) => `let xs${c} = token_scales[${c * tokenLanes}u + token_lane];`)}
    ${eachSum((r, c) => `sum${r}_${c} = fma(f32(dot${r}_${c}), ws${r} * xs${c}, sum${r}_${c});`)}
#endif
  }
  ${eachColumn(
    (c) => `
  if (first + ${c * tokenLanes}u + token_lane < end) {
    let token = first + ${c * tokenLanes}u + token_lane;
    ${unroll(
      pairs,
      (p) => `
    let pair${p} = first_pair + ${p * pairLanes}u + pair_lane;
    if (pair${p} < tile.pair_count) { after(tile.pair_start + pair${p}, token, vec2<f32>(sum${2 * p}_${c}, sum${2 * p + 1}_${c})); }`,
    )}
  }`,
  )}
}
`;
}
