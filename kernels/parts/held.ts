import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { ActivationFormat } from './activation.ts';
import { emit } from './emit.ts';

/**
 * Parts that look at whole blocks of results at once: whoever has a pair of rows' results of a token holds it in workgroup
 * memory, and behind a barrier each unit of them is finished by one invocation.
 *
 *   hold(at, own, pair, token, v)       v: rows 2·pair and 2·pair + 1; `own` counts the group's pairs, `at` is where its
 *                                       token's values begin in `held`
 *   finish(at, own, unit, token)        `own` and `unit` count units: of the group, of the row
 */
export interface HeldPart {
  /** Values that are held of a pair. */
  readonly perPair: 1 | 2;
  /** Pairs of a unit, and of a block: a tile ends with a block, whose last rows may be zeros. */
  readonly unitPairs: number;
  readonly blockPairs: number;
  readonly wgsl: string;
}

/** Workgroup memory for `length` values. */
export const held = (length: number) => `
var<workgroup> held: array<f32, ${length}>;

fn held_four(i: u32) -> vec4<f32> { return vec4<f32>(held[i], held[i + 1u], held[i + 2u], held[i + 3u]); }
`;

/**
 * finish(at, own, four, token) of a residual row x that `held` has: x goes to `dst`, x · weight on to the next matmul, which
 * divides by the root mean square itself, with each block's Σ x². Int8 blocks are the same for any multiple
 * of a row, so that no one needs to wait for the whole row's sum.
 */
export const normed = (format: ActivationFormat) => wgsl`
${emit(format, true)}
var<storage, read> norm_weight: array<vec4<f32>>; // [DST_STRIDE], padding zero
var<storage, read_write> dst: array<vec2<f32>>; // [token, DST_STRIDE]

fn finish(at: u32, own: u32, four: u32, token: u32) {
  let first = four & ~7u;
  var most = 0.0;
  var squares = vec4<f32>();
  for (var i = 0u; i < not_constant(8u); i++) {
    let x = held_four(at + ((own & ~7u) + i) * 4u);
    most = max(most, largest(x * norm_weight[first + i]));
    squares = fma(x, x, squares);
  }
  let x = held_four(at + own * 4u);
  let i = token * (DST_STRIDE / 4u) + four;
  dst[2u * i] = x.xy;
  dst[2u * i + 1u] = x.zw;
  emit(i, x * norm_weight[four], most, (squares.x + squares.y) + (squares.z + squares.w));
}
`;

/** Adds to `dst`, and hands the sum on as `normed` does. */
export const addNormed = (format: ActivationFormat): HeldPart => ({
  perPair: 2,
  unitPairs: 2,
  blockPairs: 16,
  wgsl: `
${normed(format)}
fn hold(at: u32, own: u32, pair: u32, token: u32, v: vec2<f32>) {
  let x = dst[token * (DST_STRIDE / 2u) + pair] + v;
  held[at + 2u * own] = x.x;
  held[at + 2u * own + 1u] = x.y;
}
`,
});

/** silu(gate) · up of rows that are gate, up, gate, up, …, as int8 for the next matmul. Needs parts/after.ts' silu. */
export const swigluQ8: HeldPart = {
  perPair: 1,
  unitPairs: 4,
  blockPairs: 32,
  wgsl: `
${emit('q8', false)}
fn hold(at: u32, own: u32, pair: u32, token: u32, v: vec2<f32>) { held[at + own] = silu(v.x) * v.y; }

fn finish(at: u32, own: u32, four: u32, token: u32) {
  var most = 0.0;
  for (var i = 0u; i < not_constant(8u); i++) { most = max(most, largest(held_four(at + ((own & ~7u) + i) * 4u))); }
  emit(token * (DST_STRIDE / 4u) + four, held_four(at + own * 4u), most, 0.0);
}
`,
};
