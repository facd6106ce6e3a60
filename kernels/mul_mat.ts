/**
 * mul_mat: dst[t, r] = Σ_k w[r, k] · x[t, k], for the many tokens of prefill; then a part decides what becomes of it.
 *
 *   weights    planes of one row tile, [rows, BLOCKS × 32]      act   [tokens, BLOCKS × 32]
 *   dispatch   x: pairs of rows, y: tokens; an invocation holds a tile of `pairs` × `columns` in registers
 *
 * A last chunk of one token runs the same tile with its other columns clamped, so a token's sum has the same order
 * wherever it stands.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel } from '../src/gpu/kernel.ts';
import { type MulMatShape, mulMatCase, mulMatCost } from './mul_mat_cases.ts';
import { activation } from './parts/activation.ts';
import { after, silu } from './parts/after.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import { type BlockType, blocksPerRow } from './quants/block_type.ts';
import { blockTypes } from './quants/index.ts';

export type Shape = MulMatShape;

export interface Variant {
  readonly pairs: number;
  readonly columns: number;
  readonly dp4a: boolean;
  readonly f16: boolean;
}

const invocations = 64;

/** Running sums of row r and column c: of f32 products four apiece, of int8 blocks one. */
function sums(shape: Shape, rows: number, columns: number): string {
  const type = shape.activation === 'q8' ? 'f32' : 'vec4<f32>';
  return unroll(rows * columns, (i) => `var sum${Math.floor(i / columns)}_${i % columns} = ${type}();`);
}

/** Adds the products of step `i` of a row: a block of int8, or what one load of f32 brings. */
function addProducts(shape: Shape, rows: number, columns: number): string {
  const q8 = shape.activation === 'q8';
  const read = q8 ? 'packed' : 'values';
  const scale = (name: string, call: string) => (q8 ? `let ${name} = ${call};` : '');
  return `
    ${unroll(columns, (c) => `let x${c} = act_${read}(token${c}, i); ${scale(`xs${c}`, `act_scale(token${c}, i)`)}`)}
    ${unroll(
      rows,
      (r) => `
    let w${r} = weight_${read}(row + ${r}u, i); ${scale(`ws${r}`, `weight_scale(row + ${r}u, i)`)}
    ${unroll(columns, (c) =>
      q8
        ? `sum${r}_${c} = fma(f32(dot_packed(w${r}, x${c})), ws${r} * xs${c}, sum${r}_${c});`
        : `sum${r}_${c} = add_products(w${r}, x${c}, sum${r}_${c});`,
    )}`,
    )}`;
}

/** Hands pair `p` of every column on. */
function finish(shape: Shape, p: number, columns: number): string {
  const sum = (r: number, c: number) => (shape.activation === 'q8' ? `sum${r}_${c}` : `total(sum${r}_${c})`);
  return unroll(
    columns,
    (c) => `
  if (pair + ${p}u < tile.pair_count && first + ${c}u < end) {
    after(tile.pair_start + pair + ${p}u, token${c}, vec2<f32>(${sum(2 * p, c)}, ${sum(2 * p + 1, c)}));
  }`,
  );
}

export const mul_mat: Kernel<Shape, Variant> = {
  name: 'mul_mat',

  variants(shape, features) {
    const tileSize = shape.activation === 'q8' ? { pairs: 2, columns: 4 } : { pairs: 2, columns: 4 };
    const base = { ...tileSize, dp4a: false, f16: false };
    const dp4a = features.dp4a && shape.activation === 'q8';
    const f16 = features.f16 && shape.type === 'F16';
    return dp4a || f16 ? [{ ...base, dp4a, f16 }, base] : [base];
  },

  wgsl(shape, { pairs, columns, dp4a, f16 }) {
    const type = blockTypes[shape.type] as BlockType;
    const steps = shape.activation === 'q8' ? 'BLOCKS' : `(BLOCKS * ${8 / type.fours}u)`;
    return wgsl`
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a, f16 })}
${activation(shape.activation, type.fours)}
${silu}
${after(shape.after)}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let pair = id.x * ${pairs}u;
  if (pair >= tile.pair_count) { return; }
  let row = 2u * pair;
  let first = range.start + id.y * ${columns}u;
  let end = range.start + range.count;
  ${unroll(columns, (c) => `let token${c} = min(first + ${c}u, end - 1u);`)}
  ${sums(shape, 2 * pairs, columns)}
  let steps = not_constant(${steps});
  for (var i = 0u; i < steps; i++) {
    ${addProducts(shape, 2 * pairs, columns)}
  }
  ${unroll(pairs, (p) => finish(shape, p, columns))}
}
`;
  },

  overrides: ({ rowLength, dstStride }) => ({ BLOCKS: blocksPerRow(rowLength), DST_STRIDE: dstStride }),

  workgroups({ rows }, { pairs, columns }, count) {
    return [Math.ceil(rows / (2 * pairs * invocations)), Math.ceil(count / columns), 1];
  },

  cost: mulMatCost,

  cases: [
    ...Object.keys(blockTypes).map((type) => mulMatCase<Shape>({ type, rows: 70, rowLength: 96, tokens: 5 }, {})),
    mulMatCase<Shape>({ type: 'F32', rows: 7, rowLength: 172, tokens: 1, start: 2, after: 'add' }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', rows: 64, rowLength: 2080, tokens: 4, after: 'swiglu' }, {}),
    mulMatCase<Shape>(
      { type: 'Q8_0', activation: 'q8', rows: 66, rowLength: 192, tokens: 17, after: 'swiglu', rowStart: 64 },
      {},
    ),
  ],

  benches: [
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 2048, rowLength: 512, tokens: 128 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', rows: 2048, rowLength: 512, tokens: 128 }, {}),
    mulMatCase<Shape>({ type: 'Q8_0', activation: 'q8', rows: 512, rowLength: 1536, tokens: 128 }, {}),
  ],
};
