/** A weight of the file as float64, and its product with activations, as plain as it can be and still be quick. */
import { dequantize } from '../../kernels/quants/dequantize.ts';
import type { Gguf } from '../../src/gguf/gguf.ts';
import { readBytes } from '../../src/gguf/source.ts';

export interface Matrix {
  readonly typeName: string;
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly values: Float64Array;
}

/** A tensor of exactly this shape, a vector where `rows` is 1; undefined where the file has none. */
export async function readMatrix(gguf: Gguf, name: string, columns: number, rows = 1): Promise<Matrix | undefined> {
  const tensor = gguf.tensors.get(name);
  if (!tensor) return undefined;
  const [tensorColumns, tensorRows = 1] = tensor.dimensions;
  if (tensorColumns !== columns || tensorRows !== rows) {
    throw new Error(`${name} is [${tensor.dimensions}], not [${columns}, ${rows}]`);
  }
  const bytes = await readBytes(tensor.source, tensor.offset, tensor.byteLength);
  const values = Float64Array.from(dequantize(tensor.type.name, bytes));
  return { typeName: tensor.type.name, rows, columns, values };
}

/** x · Wᵀ: [count, columns] → [count, rows], in tiles of 2 rows × 4 tokens; what is left over, one by one. */
export function multiply({ rows, columns, values }: Matrix, x: Float64Array): Float64Array {
  const count = x.length / columns;
  const y = new Float64Array(count * rows);
  const weights = split(values, columns);
  const inputs = split(x, columns);
  const [tiledRows, tiledTokens] = [rows - (rows % 2), count - (count % 4)];
  for (let row = 0; row < rows; row++) {
    const isTiled = row < tiledRows;
    if (isTiled && row % 2 === 0) {
      for (let t = 0; t < tiledTokens; t += 4) multiplyTile(weights, row, inputs, t, y, rows);
    }
    for (let t = isTiled ? tiledTokens : 0; t < count; t++) y[t * rows + row] = dot(weights[row]!, inputs[t]!);
  }
  return y;
}

function multiplyTile(
  weights: readonly Float64Array[],
  row: number,
  inputs: readonly Float64Array[],
  t: number,
  y: Float64Array,
  rows: number,
): void {
  const [w0, w1] = [weights[row]!, weights[row + 1]!];
  const [x0, x1, x2, x3] = [inputs[t]!, inputs[t + 1]!, inputs[t + 2]!, inputs[t + 3]!];
  let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let c = 0; c < w0.length; c++) {
    const a = w0[c]!;
    const b = w1[c]!;
    a0 += a * x0[c]!;
    a1 += a * x1[c]!;
    a2 += a * x2[c]!;
    a3 += a * x3[c]!;
    b0 += b * x0[c]!;
    b1 += b * x1[c]!;
    b2 += b * x2[c]!;
    b3 += b * x3[c]!;
  }
  const sums = [a0, b0, a1, b1, a2, b2, a3, b3];
  for (const [i, sum] of sums.entries()) y[(t + (i >> 1)) * rows + row + (i % 2)] = sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function split(values: Float64Array, length: number): Float64Array[] {
  return Array.from({ length: values.length / length }, (_, i) => values.subarray(i * length, (i + 1) * length));
}

/** How activations become int8. */
export interface ActivationRounding {
  /** Of x / scale: settles the halves. */
  readonly round: (value: number) => number;
  /** Of the scale, after the division: what it is stored as. */
  readonly roundScale: (scale: number) => number;
}

/** What int8 activations make of x: per block of 32, scale = max|x| / 127 in f32 and round(x / scale) · scale. */
export function quantizeActivations(x: Float64Array, { round, roundScale }: ActivationRounding): Float64Array {
  const quantized = new Float64Array(x.length);
  for (let block = 0; block < x.length; block += 32) {
    let largest = 0;
    for (let i = block; i < block + 32; i++) largest = Math.max(largest, Math.abs(x[i]!));
    const scale = Math.fround(largest / 127);
    if (scale === 0) continue;
    const stored = roundScale(scale);
    for (let i = block; i < block + 32; i++) quantized[i] = round(x[i]! / scale) * stored;
  }
  return quantized;
}

/** The rounding of C's `roundf`, which llama.cpp quantises with. */
export function roundHalfAway(value: number): number {
  return Math.trunc(value + 0.5 * Math.sign(value));
}
