import type { Case, Output, Trial, Words } from '../src/gpu/kernel.ts';
import { activations, f32Tolerance, product, Random, weights } from './case_data.ts';
import { int8Outputs, int8Tolerance, normedOutputs } from './emit_case_data.ts';
import { packPages, pageElements, storable } from './kv_case_data.ts';
import { reference as writtenPages } from './kv_write.ts';
import { dstLength, type MulMatShape, type MulMatSize, mulMatCase, reference } from './mul_mat_cases.ts';
import type { Shape } from './mul_mat_vec.ts';
import { hasScales, pageLength } from './parts/kv.ts';
import { rangeWords } from './parts/range.ts';
import type { QkvHeads } from './parts/rope_kv.ts';
import { angleTable, caseAngles, rotateHead } from './parts/rotate.ts';
import type { VecAfter } from './parts/vec_after.ts';
import { type BlockType, blockLength, blocksPerRow, paddedLength } from './quants/block_type.ts';
import { matmulTypes } from './quants/index.ts';

type Columns = Shape['columns'];

/** What mul_mat computes too. */
const plain = (size: MulMatSize, columns: Columns): Case<Shape> =>
  mulMatCase<MulMatShape & { columns: Columns }>(size, { columns });

interface FusedSize extends Omit<MulMatSize, 'after' | 'start'> {
  readonly after: VecAfter;
  readonly columns: Columns;
  /** Activations are undivided: rows have sums of squares. */
  readonly normed?: boolean;
  readonly wanted?: boolean;
  readonly qkv?: QkvHeads;
}

const eps = 1e-5;
/** A case of what only mul_mat_vec does. */
function fused(size: FusedSize): Case<Shape> {
  const { type, activation = 'f32', after, rows, rowLength, tokens, columns, normed, wanted, qkv, rowStart = 0 } = size;
  const length = qkv ? qkv.heads * qkv.headLength : dstLength(after, rowStart + rows);
  const shape: Shape = {
    ...{ type, activation, after, rows, rowLength, columns },
    dstStride: paddedLength(length),
    ...(normed && { eps }),
    ...(wanted && { wanted }),
    ...(qkv && { qkv }),
  };
  const words = [normed && 'normed', wanted && 'wanted', qkv && `kv=${qkv.kvType}`, rowStart && `rowStart=${rowStart}`];
  const id = [`${type}×${activation}`, after, `${rows}×${rowLength}`, `n=${tokens}`, `columns=${columns}`, ...words];
  const writesInt8 = after.endsWith('_q8') || (qkv && hasScales(qkv.kvType));
  const tolerance = writesInt8 ? int8Tolerance : qkv?.kvType === 'f16' ? { nmse: 1e-6, max: 2e-3 } : f32Tolerance;
  return { id: id.filter(Boolean).join(' '), shape, tolerance, trial };

  function trial(): Trial {
    const random = new Random(rows * 13 + rowLength + tokens);
    const w = weights(random, matmulTypes[type] as BlockType, rows + (rows % 2), rowLength);
    const x = activations(random, activation, tokens, rowLength);
    const blocks = blocksPerRow(rowLength);
    const squares = random.normal(tokens * blocks).map((v) => v * v);
    const order = Array.from({ length: tokens }, (_, t) => (wanted ? tokens - 1 - t : t));
    const all = product(w.values, x.values, rows, tokens, rowLength);
    const y = order.flatMap((row) => {
      const sum = squares.subarray(row * blocks, (row + 1) * blocks).reduce((a, b) => a + b, 0);
      const scale = normed ? 1 / Math.sqrt(sum / rowLength + eps) : 1;
      return Array.from(all.subarray(row * rows, (row + 1) * rows), (v) => v * scale);
    });
    const { inputs, outputs } = behind(random, y);
    return {
      count: tokens,
      inputs: {
        ...w.planes,
        ...(normed ? withSquares(x.inputs, squares) : x.inputs),
        ...(wanted && { logit_rows: Uint32Array.from(order) }),
        ...inputs,
        range: rangeWords(0, tokens),
        tile: new Uint32Array([rowStart / 2, Math.ceil(rows / 2)]),
      },
      outputs,
    };
  }

  /** What a part reads and must write, of y [tokens, rows]. */
  function behind(
    random: Random,
    y: readonly number[],
  ): { inputs: Record<string, Words>; outputs: Record<string, Output> } {
    const stride = shape.dstStride;
    const row = (t: number) => Float64Array.from(y.slice(t * rows, (t + 1) * rows));
    const eachRow = <T>(use: (t: number) => T) => Array.from({ length: tokens }, (_, t) => use(t));
    if (qkv) return intoCache(random, qkv, eachRow(row));
    if (after.startsWith('swiglu')) {
      const h = new Float64Array(tokens * stride).fill(Number.NaN);
      for (let t = 0; t < tokens; t++) {
        h.fill(0, t * stride, t * stride + Math.ceil(length / blockLength) * blockLength);
        h.set(reference(row(t), [1], [], 'swiglu', rows, 1, 1), t * stride);
      }
      return { inputs: {}, outputs: int8Outputs(h) };
    }
    if (after === 'store') {
      const expected = new Float64Array(tokens * stride).fill(Number.NaN);
      for (let t = 0; t < tokens; t++) expected.set(row(t), t * stride);
      return { inputs: {}, outputs: { dst: { expected, elements: 'f32' } } };
    }
    const initial = random.normal(tokens * stride);
    const weight = random.normal(stride).fill(0, rowStart + rows);
    const x = new Float64Array(tokens * stride).fill(Number.NaN); // of the tile, with zeros up to the end of its last block
    for (let t = 0; t < tokens; t++) {
      const first = t * stride + rowStart;
      x.fill(0, first, first + Math.ceil(rows / blockLength) * blockLength);
      x.set(
        row(t).map((v, r) => v + (initial[first + r] as number)),
        first,
      );
    }
    const dst = x.map((v, i) => (Number.isNaN(v) ? (initial[i] as number) : v));
    return {
      inputs: { norm_weight: weight },
      outputs: {
        dst: { initial, expected: dst, elements: 'f32' },
        ...normedOutputs(x, weight, after === 'add_normed_q8' ? 'q8' : 'f32'),
      },
    };
  }
}

/** Activations with each block's Σ x²: beside the scale, where there is one. */
function withSquares({ act_s, ...inputs }: Readonly<Record<string, Words>>, squares: Float32Array) {
  if (!act_s) return { ...inputs, act_ss: squares };
  return { ...inputs, act_ss: Float32Array.from([...squares].flatMap((square, i) => [act_s[i] as number, square])) };
}

/** Queries into `dst`, keys and values into pages. */
function intoCache(random: Random, qkv: QkvHeads, rows: readonly Float64Array[]) {
  const { heads, kvHeads, headLength, ropePairs, kvType } = qkv;
  const tokens = rows.length;
  const positions = rows.map((_, t) => 1000 + 77 * t);
  const slots = rows.map((_, t) => (t % 2) * pageLength + 254 - t);
  const angles = caseAngles(positions, ropePairs);
  const stride = paddedLength(heads * headLength);
  const dst = new Float64Array(tokens * stride).fill(Number.NaN);
  rows.forEach((row, t) => {
    const turn = angles.subarray(t * ropePairs * 2, (t + 1) * ropePairs * 2);
    for (let head = 0; head < heads; head++) {
      const at = head * headLength;
      dst.set(rotateHead(row.subarray(at, at + headLength), turn, ropePairs), t * stride + at);
    }
  });
  const srcStride = (rows[0] as Float64Array).length;
  const src = Float32Array.from(rows.flatMap((row) => [...row]));
  const shape = { kvType, heads: kvHeads, headStart: 0, headLength, ropePairs, srcStride, keyOffset: 0, valOffset: 0 };
  const before = storable(
    random.normal(2 * pageLength * kvHeads * headLength).map((v) => v / 100),
    kvType,
  );
  const pages = (offset: number, turn?: Float32Array): Output => ({
    initial: packPages(before, headLength, kvType),
    expected: writtenPages(Float64Array.from(before), src, slots, shape, offset, turn),
    elements: pageElements(headLength, kvType),
  });
  return {
    inputs: { angles: angleTable(angles, ropePairs, slots) },
    outputs: {
      dst: { expected: dst, elements: 'f32' as const },
      keys: pages(heads * headLength, angles),
      vals: pages((heads + kvHeads) * headLength),
    },
  };
}

export const mulMatVecCases = (): readonly Case<Shape>[] => [
  ...Object.keys(matmulTypes).map((type) => plain({ type, rows: 70, rowLength: 128, tokens: 1 }, 1)),
  plain({ type: 'F32', rows: 7, rowLength: 172, tokens: 3, start: 2 }, 2),
  plain({ type: 'F16', rows: 129, rowLength: 65, tokens: 1, after: 'add' }, 1),
  ...([1, 2, 4, 8] as const).map((columns) =>
    plain({ type: 'Q8_0', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1 }, columns),
  ),
  plain({ type: 'Q8_0', rows: 64, rowLength: 2080, tokens: 5, after: 'swiglu' }, 4),
  plain({ type: 'Q8_0', activation: 'q8', rows: 66, rowLength: 192, tokens: 2, after: 'add', rowStart: 64 }, 2),
  plain({ type: 'BF16', rows: 64, rowLength: 64, tokens: 2, after: 'swiglu', rowStart: 128 }, 8),
  plain({ type: 'Q8_0 blocks', activation: 'q8', rows: 130, rowLength: 512, tokens: 9, start: 1 }, 8),
  plain({ type: 'Q8_0 blocks', rows: 64, rowLength: 2112, tokens: 5, after: 'swiglu' }, 4),
  plain(
    { type: 'Q8_0 blocks', activation: 'q8', rows: 66, rowLength: 192, tokens: 2, after: 'swiglu', rowStart: 64 },
    2,
  ),
  fused({ type: 'Q8_0', after: 'add_normed', rows: 70, rowLength: 96, tokens: 3, columns: 2 }),
  fused({
    type: 'Q8_0',
    activation: 'q8',
    after: 'add_normed_q8',
    rows: 128,
    rowLength: 512,
    tokens: 1,
    columns: 1,
    rowStart: 64,
  }),
  fused({ type: 'Q8_0', activation: 'q8', after: 'add_normed_q8', rows: 330, rowLength: 192, tokens: 9, columns: 8 }),
  fused({
    type: 'Q8_0',
    activation: 'q8',
    after: 'swiglu_q8',
    rows: 200,
    rowLength: 512,
    tokens: 1,
    columns: 1,
    normed: true,
  }),
  fused({
    type: 'Q8_0',
    activation: 'q8',
    after: 'store',
    rows: 70,
    rowLength: 512,
    tokens: 3,
    columns: 4,
    normed: true,
    wanted: true,
  }),
  ...(['f32', 'f16', 'q8_0'] as const).map((kvType, i) =>
    fused({
      ...{ type: 'Q8_0', activation: 'q8', after: 'rope_kv', rows: 256, rowLength: 64, tokens: 3, normed: true },
      columns: ([1, 2, 4] as const)[i] as Columns,
      qkv: { heads: 4, kvHeads: 2, headLength: 32, ropePairs: 12, kvType },
    }),
  ),
];

/** Matrices of real models: 57 M's, 400 M's, ALIA's. */
export const mulMatVecBenches = (): readonly Case<Shape>[] => [
  plain({ type: 'Q8_0', activation: 'q8', rows: 2048, rowLength: 2048, tokens: 1 }, 1),
  plain({ type: 'Q8_0', rows: 2048, rowLength: 2048, tokens: 1 }, 1),
  plain({ type: 'Q8_0', activation: 'q8', rows: 3072, rowLength: 512, tokens: 1, after: 'swiglu' }, 1),
  plain({ type: 'Q8_0', activation: 'q8', rows: 8192, rowLength: 8192, tokens: 1 }, 1),
  plain({ type: 'Q8_0 blocks', activation: 'q8', rows: 8192, rowLength: 8192, tokens: 1 }, 1),
  fused({
    type: 'Q8_0',
    activation: 'q8',
    after: 'swiglu_q8',
    rows: 3072,
    rowLength: 512,
    tokens: 1,
    columns: 1,
    normed: true,
  }),
  fused({ type: 'Q8_0', activation: 'q8', after: 'add_normed_q8', rows: 512, rowLength: 1536, tokens: 1, columns: 1 }),
  plain({ type: 'Q8_0', activation: 'q8', rows: 2048, rowLength: 2048, tokens: 8 }, 8),
];
