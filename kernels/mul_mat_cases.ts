import type { Case, Cost, Trial, Words } from '../src/gpu/kernel.ts';
import { activations, f32Tolerance, product, Random, weights } from './case_data.ts';
import type { ActivationFormat } from './parts/activation.ts';
import type { After } from './parts/after.ts';
import { rangeWords } from './parts/range.ts';
import { type BlockType, blockLength, blocksPerRow, paddedLength } from './quants/block_type.ts';
import { matmulTypes } from './quants/index.ts';

/** What a matmul computes, whichever family does it. */
export interface MulMatShape {
  /** ggml's name of the weights' type. */
  readonly type: string;
  readonly activation: ActivationFormat;
  readonly after: After;
  /** Rows of the bound tile. */
  readonly rows: number;
  /** Values per row, before padding. */
  readonly rowLength: number;
  /** Length of a row of `dst`. */
  readonly dstStride: number;
}

/** dst[t, r] = Σ_k w[r, k] · x[t, k], then `after`, in float64. `before`: dst as it was, [tokens, rows]. */
export function reference(
  w: ArrayLike<number>,
  x: ArrayLike<number>,
  before: ArrayLike<number>,
  after: After,
  rows: number,
  tokens: number,
  rowLength: number,
): Float64Array {
  const y = product(w, x, rows, tokens, rowLength);
  if (after === 'add') return y.map((value, i) => value + (before[i] as number));
  if (after === 'store') return y;
  return Float64Array.from({ length: y.length / 2 }, (_, i) => {
    const gate = y[2 * i] as number;
    return (gate / (1 + Math.exp(-gate))) * (y[2 * i + 1] as number);
  });
}

/** Rows of `dst` that belong to `rows` rows of the matrix. */
export const dstLength = (after: string, rows: number) => (after.startsWith('swiglu') ? rows / 2 : rows);

export interface MulMatSize {
  readonly type: string;
  readonly rows: number;
  readonly rowLength: number;
  readonly tokens: number;
  readonly activation?: ActivationFormat;
  readonly after?: After;
  /** Tokens before the range, to see that it is honoured. */
  readonly start?: number;
  /** Rows of the fused matrix before the bound tile. */
  readonly rowStart?: number;
  /** Of the activations. */
  readonly scale?: number;
}

/** A case of a matmul over the bound row tile; `extra` are the family's own shape fields. */
export function mulMatCase<S extends MulMatShape>(size: MulMatSize, extra: Omit<S, keyof MulMatShape>): Case<S> {
  const { type, rows, rowLength, tokens, activation = 'f32', after = 'store', start = 0, rowStart = 0, scale } = size;
  const dstStride = paddedLength(dstLength(after, rowStart + rows));
  const shape = { type, activation, after, rows, rowLength, dstStride, ...extra } as S;
  const words = Object.entries({ ...extra, start, rowStart, scale }).filter(([, value]) => value);
  const id = [
    `${type}×${activation}`,
    after,
    `${rows}×${rowLength}`,
    `n=${tokens}`,
    ...words.map((w) => w.join('=')),
  ].join(' ');
  return { id, shape, tolerance: f32Tolerance, trial };

  function trial(): Trial {
    const random = new Random(rows * 31 + rowLength * 7 + tokens);
    const blockType = matmulTypes[type] as BlockType;
    const w = weights(random, blockType, rows + (rows % 2), rowLength);
    const x = activations(random, activation, start + tokens, rowLength, scale);
    const initial = random.normal((start + tokens) * dstStride);
    const width = dstLength(after, rows + (rows % 2));
    const offset = dstLength(after, rowStart);
    const before = Float64Array.from({ length: tokens * width }, (_, i) => {
      const t = Math.floor(i / width);
      return initial[(start + t) * dstStride + offset + (i - t * width)] as number;
    });
    const y = reference(
      w.values,
      x.values.subarray(start * rowLength),
      before,
      after,
      rows + (rows % 2),
      tokens,
      rowLength,
    );
    const expected = Float64Array.from(initial);
    for (let t = 0; t < tokens; t++)
      expected.set(y.subarray(t * width, (t + 1) * width), (start + t) * dstStride + offset);
    return {
      count: tokens,
      inputs: {
        ...(after === 'swiglu' && !blockType.repack ? inHalves(w.planes, rows) : w.planes),
        ...x.inputs,
        range: rangeWords(start, tokens),
        tile: new Uint32Array([rowStart / 2, Math.ceil(rows / 2)]),
      },
      outputs: { dst: { initial, expected, elements: 'f32' } },
    };
  }
}

/** Planes of rows that are asked for in turn, as the file has them: even rows, then odd ones. */
function inHalves(planes: Readonly<Record<string, Words>>, rows: number): Record<string, Words> {
  const halves = ([name, plane]: [string, Words]) => {
    const source = new Uint8Array(plane.buffer, plane.byteOffset, plane.byteLength);
    const rowBytes = source.length / rows;
    const out = new Uint8Array(source.length);
    for (let row = 0; row < rows; row++) {
      const to = (row % 2) * (rows / 2) + Math.floor(row / 2);
      out.set(source.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
    }
    return [name, out];
  };
  return Object.fromEntries(Object.entries(planes).map(halves));
}

/** Bytes of weights, activations and results; two operations per multiply-add. */
export function mulMatCost(shape: Omit<MulMatShape, 'after'> & { after: string }, tokens: number): Cost {
  const { rows } = shape;
  const blocks = blocksPerRow(shape.rowLength);
  const planes = matmulTypes[shape.type]?.planes ?? [];
  const weightBytes = rows * blocks * planes.reduce((sum, plane) => sum + plane.bytes, 0);
  const actBytes = tokens * blocks * (shape.activation === 'q8' ? blockLength + 4 : blockLength * 4);
  return {
    bytes: weightBytes + actBytes + tokens * dstLength(shape.after, rows) * 4,
    flops: 2 * rows * shape.rowLength * tokens,
  };
}
