import type { Tolerance, Words } from '../src/gpu/kernel.ts';
import { type BlockType, blockLength, blocksPerRow, type Pack, paddedLength } from './quants/block_type.ts';
import { dequantize } from './quants/dequantize.ts';
import { packs } from './quants/index.ts';
import { quantize } from './quants/quantize.ts';

/** f32 arithmetic against float64: rounding of sums. */
export const f32Tolerance: Tolerance = { nmse: 1e-9, max: 1e-4 };

/** Reproducible values: mulberry32, and the sum of four uniforms as a bell curve. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** About normal, mean 0 and deviation 1. */
  normal(length: number): Float32Array {
    return Float32Array.from(
      { length },
      () => (this.next() + this.next() + this.next() + this.next() - 2) * Math.sqrt(3),
    );
  }

  int8(length: number): Int8Array {
    return Int8Array.from({ length }, () => this.below(255) - 127);
  }
}

/** Rows of `length` values, each behind zeros (or `filler`) up to its padded length in GPU memory. */
export function padded(
  values: ArrayLike<number>,
  length: number,
  stride = paddedLength(length),
  filler = 0,
): Float32Array {
  const rows = values.length / length;
  const out = new Float32Array(rows * stride).fill(filler);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < length; i++) out[row * stride + i] = values[row * length + i] as number;
  }
  return out;
}

/** What a kernel must leave in a buffer of rows: the values, and NaN (untouched) in the padding. */
export function expectedRows(values: ArrayLike<number>, length: number, stride = paddedLength(length)): Float32Array {
  return padded(values, length, stride, Number.NaN);
}

export interface Weights {
  /** The file's bytes. */
  readonly bytes: Uint8Array;
  /** [rows, rowLength], as the bytes say. */
  readonly values: Float32Array;
  /** GPU planes by binding name. */
  readonly planes: Readonly<Record<string, Words>>;
}

/** A random matrix [rows, rowLength] of a type, in the file's form and the GPU's. */
export function weights(random: Random, type: BlockType, rows: number, rowLength: number): Weights {
  const { name, fileType = name } = type;
  const bytes = quantize(fileType, random.normal(rows * rowLength));
  const planes = Object.entries((packs[name] as Pack)(bytes, rowLength)).map(([plane, words]) => [
    `weight_${plane}`,
    words,
  ]);
  return { bytes, values: dequantize(fileType, bytes), planes: Object.fromEntries(planes) };
}

export interface Activations {
  /** Buffers by binding name: `act`, or `act_q` and `act_s`. */
  readonly inputs: Readonly<Record<string, Words>>;
  /** [tokens, length], as the kernel is to understand them. */
  readonly values: Float64Array;
}

/** Random activations [tokens, length] in one of the formats that a matmul reads; of deviation `scale`, or about a fifth of it. */
export function activations(
  random: Random,
  format: 'f32' | 'q8',
  tokens: number,
  length: number,
  scale = 1,
): Activations {
  if (format === 'f32') {
    const values = random.normal(tokens * length).map((value) => scale * value);
    return { inputs: { act: padded(values, length) }, values: Float64Array.from(values) };
  }
  const blocks = blocksPerRow(length);
  const act_q = new Int8Array(tokens * blocks * blockLength);
  const act_s = new Float32Array(tokens * blocks);
  const values = new Float64Array(tokens * length);
  for (let i = 0; i < act_s.length; i++) act_s[i] = (scale * (0.5 + random.next())) / 64;
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < length; k++) {
      const at = token * blocks * blockLength + k;
      act_q[at] = random.below(255) - 127;
      values[token * length + k] = (act_q[at] as number) * (act_s[Math.floor(at / blockLength)] as number);
    }
  }
  return { inputs: { act_q, act_s }, values };
}

/** y[t, r] = Σ_k w[r, k] · x[t, k] in float64; x [tokens, k], w [rows, k]. */
export function product(
  w: ArrayLike<number>,
  x: ArrayLike<number>,
  rows: number,
  tokens: number,
  k: number,
): Float64Array {
  const y = new Float64Array(tokens * rows);
  for (let t = 0; t < tokens; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (w[r * k + i] as number) * (x[t * k + i] as number);
      y[t * rows + r] = sum;
    }
  }
  return y;
}
