/**
 * get_rows: dst[t] = w[ids[t]], dequantised. Gathers embeddings from one row tile, and activations whose logits are
 * wanted (a matrix of type F32 whose rows are tokens).
 *
 *   weights    planes of one row tile, [rows, BLOCKS × 32]      dst   [tokens, BLOCKS × 32]
 *   dispatch   x: loads of a row, y: tokens; ids outside the tile are left to its neighbours
 *
 * Where tokens are chained, an id with PENDING_BIT is the one that a sequence's last step has sampled: last_ids[sequence].
 * With `normed`, the rows go to `dst` and on to the first matmul, as parts/held.ts says; `inPlace` they stand there already.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random, weights } from './case_data.ts';
import { int8Tolerance, normedOutputs } from './emit_case_data.ts';
import type { ActivationFormat } from './parts/activation.ts';
import { normed as finishNormed, held } from './parts/held.ts';
import { pendingBit, range, rangeWords, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import { type BlockType, blocksPerRow, paddedLength } from './quants/block_type.ts';
import { blockTypes, readVariant } from './quants/index.ts';

export interface Shape {
  /** ggml's name of the rows' type. */
  readonly type: string;
  readonly rowLength: number;
  /** Whether ids may be pending. */
  readonly chained: boolean;
  /** The form in which they are handed on, normed but for their root mean square; absent: they are not. */
  readonly normed?: ActivationFormat;
  /** Rows that the host has written to `dst` are handed on. */
  readonly inPlace?: boolean;
}

export interface Variant {
  readonly f16: boolean;
}

const invocations = 64;

/** Rows `ids` of w [rows, rowLength]. */
export function reference(w: ArrayLike<number>, ids: readonly number[], rowLength: number): Float64Array {
  return Float64Array.from({ length: ids.length * rowLength }, (_, i) => {
    const row = ids[Math.floor(i / rowLength)] as number;
    return w[row * rowLength + (i % rowLength)] as number;
  });
}

function getRowsCase(
  type: string,
  rows: number,
  rowLength: number,
  rowStart = 0,
  chained = false,
  normed?: ActivationFormat,
): Case<Shape> {
  const words = [rowStart && `rowStart=${rowStart}`, chained && 'chained', normed && `normed=${normed}`];
  return {
    id: [`${type} ${rows}×${rowLength}`, ...words].filter(Boolean).join(' '),
    shape: { type, rowLength, chained, ...(normed && { normed }) },
    ...(normed && { tolerance: normed === 'q8' ? int8Tolerance : f32Tolerance }),
    trial() {
      const random = new Random(rows + rowLength);
      const w = weights(random, blockTypes[type] as BlockType, rows, rowLength);
      const inTile = Array.from({ length: 5 }, () => random.below(rows));
      const ids = [0, ...inTile.map((row) => rowStart + row), rowStart + rows];
      const sequences = ids.map((_, t) => (t * 3) % 7);
      const lastIds = sequences.map((_, sequence) => ids[sequences.indexOf(sequence)] as number);
      const stride = paddedLength(rowLength);
      const expected = new Float64Array(ids.length * stride).fill(Number.NaN);
      expected.set(padded(reference(w.values, inTile, rowLength), rowLength), stride);
      if (rowStart === 0) expected.set(padded(reference(w.values, [0], rowLength), rowLength));
      const weight = padded(random.normal(rowLength), rowLength);
      return {
        count: ids.length,
        inputs: {
          ...w.planes,
          ids: Uint32Array.from(ids, (id, t) => (chained && t % 2 === 1 ? pendingBit + (sequences[t] as number) : id)),
          ...(chained && { last_ids: Uint32Array.from(lastIds) }),
          ...(normed && { norm_weight: weight }),
          range: rangeWords(0, ids.length),
          tile: new Uint32Array([rowStart / 2, rows / 2]),
        },
        outputs: {
          dst: { expected, elements: 'f32' },
          ...(normed && normedOutputs(expected, weight, normed)),
        },
      };
    },
  };
}

/** Rows that stand in `dst`, behind one that is left alone. */
function inPlaceCase(rowLength: number, normed: ActivationFormat): Case<Shape> {
  return {
    id: `${rowLength} in place normed=${normed}`,
    shape: { type: 'F32', rowLength, chained: false, normed, inPlace: true },
    tolerance: normed === 'q8' ? int8Tolerance : f32Tolerance,
    trial() {
      const random = new Random(rowLength);
      const tokens = 3;
      const initial = padded(random.normal((tokens + 1) * rowLength), rowLength);
      const weight = padded(random.normal(rowLength), rowLength);
      const rows = Float64Array.from(initial).fill(Number.NaN, 0, paddedLength(rowLength));
      return {
        count: tokens,
        inputs: { norm_weight: weight, range: rangeWords(1, tokens) },
        outputs: {
          dst: { initial, expected: initial, elements: 'f32' },
          ...normedOutputs(rows, weight, normed),
        },
      };
    },
  };
}

export const get_rows: Kernel<Shape, Variant> = {
  name: 'get_rows',

  variants: ({ type }, features) =>
    readVariant(type, 'f32', features).f16 ? [{ f16: true }, { f16: false }] : [{ f16: false }],

  wgsl({ type, chained, normed, inPlace }, { f16 }) {
    const { fours } = blockTypes[type] as BlockType;
    return wgsl`
override BLOCKS: u32;
${range}
${inPlace ? '' : gathered(type, chained, f16)}
#if ${normed !== undefined}
override DST_STRIDE: u32;
${held(invocations * fours * 4)}
${finishNormed(normed ?? 'f32')}
#else
var<storage, read_write> dst: array<vec4<f32>>;
#endif

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let token = range.start + id.y;
  let step = id.x;
  let i = token * BLOCKS * 8u + step * ${fours}u;
#if ${inPlace === true}
  let is_here = step < BLOCKS * ${8 / fours}u;
#else
  let row = id_of(token) - 2u * tile.pair_start; // wraps far beyond any tile where the id is below it
  let is_here = step < BLOCKS * ${8 / fours}u && row < 2u * tile.pair_count;
#endif
#if ${normed !== undefined}
  let own = invocation * ${4 * fours}u;
  if (is_here) {
#if ${inPlace === true}
    ${unroll(2 * fours, (p) => `held[own + ${2 * p}u] = dst[2u * i + ${p}u].x; held[own + ${2 * p + 1}u] = dst[2u * i + ${p}u].y;`)}
#else
    let row_values = weight_values(row, step);
    ${unroll(fours, (j) => unroll(4, (k) => `held[own + ${4 * j + k}u] = row_values[${j}][${k}];`))}
#endif
  }
  workgroupBarrier();
  if (!is_here) { return; }
  for (var j = 0u; j < not_constant(${fours}u); j++) { finish(0u, invocation * ${fours}u + j, step * ${fours}u + j, token); }
#else
  if (!is_here) { return; }
  let row_values = weight_values(row, step);
  ${unroll(fours, (j) => `dst[i + ${j}u] = row_values[${j}];`)}
#endif
}
`;
  },

  overrides: ({ rowLength, normed }) => ({
    BLOCKS: blocksPerRow(rowLength),
    ...(normed && { DST_STRIDE: paddedLength(rowLength) }),
  }),

  workgroups: ({ type, rowLength }, _, count) => [
    Math.ceil((blocksPerRow(rowLength) * 8) / (blockTypes[type] as BlockType).fours / invocations),
    count,
    1,
  ],
};

/** WGSL that reads the tile's rows, and which of them is a token's. */
const gathered = (type: string, chained: boolean, f16: boolean) => wgsl`
${tile}
${values((blockTypes[type] as BlockType).fours)}
${(blockTypes[type] as BlockType).read({ dp4a: false, f16, inTurns: false })}
var<storage, read> ids: array<u32>;
#if ${chained}
var<storage, read> last_ids: array<u32>;

fn id_of(token: u32) -> u32 {
  if ((ids[token] & ${pendingBit}u) != 0u) { return last_ids[ids[token] ^ ${pendingBit}u]; }
  return ids[token];
}
#else
fn id_of(token: u32) -> u32 { return ids[token]; }
#endif
`;

export const getRowsChecks = (): Checks<Shape> => ({
  cost: ({ rowLength }, count) => ({ bytes: count * rowLength * 8, flops: 0 }),

  cases: [
    ...Object.keys(blockTypes).flatMap((type) => [getRowsCase(type, 10, 96), getRowsCase(type, 64, 1056, 128)]),
    getRowsCase('Q8_0', 64, 96, 128, true),
    getRowsCase('F16', 6, 65),
    getRowsCase('F32', 6, 172),
    getRowsCase('Q8_0', 64, 2080, 128, true, 'q8'),
    getRowsCase('F16', 64, 100, 0, true, 'f32'),
    inPlaceCase(1056, 'q8'),
    inPlaceCase(100, 'f32'),
  ],

  benches: [getRowsCase('F32', 64, 8192)],
});
