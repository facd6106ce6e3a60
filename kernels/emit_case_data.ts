/** What parts/emit.ts must leave in its buffers, for cases. Rows are [tokens, stride], NaN in blocks that nobody writes. */
import type { Output, Tolerance } from '../src/gpu/kernel.ts';
import type { ActivationFormat } from './parts/activation.ts';
import { reference as quantized } from './quantize_q8.ts';
import { blockLength } from './quants/block_type.ts';

/** Int8 that round the other way where f32 and float64 differ: by 1/127 of a block's largest. */
export const int8Tolerance: Tolerance = { nmse: 1e-5, max: 0.05 };

/** Int8 and scales of rows; beside the scales each block's Σ x², where given. */
export function int8Outputs(rows: Float64Array, squares?: Float64Array): Record<string, Output> {
  const q = new Float64Array(rows.length).fill(Number.NaN);
  const s = new Float64Array(rows.length / blockLength).fill(Number.NaN);
  s.forEach((_, block) => {
    const values = rows.subarray(block * blockLength, (block + 1) * blockLength);
    if (Number.isNaN(values[0])) return;
    const made = quantized(values);
    q.set(made.q, block * blockLength);
    s[block] = made.s[0] as number;
  });
  const next_q: Output = { expected: q, elements: 'i8' };
  if (!squares) return { next_q, next_s: { expected: s, elements: 'f32' } };
  return {
    next_q,
    next_ss: { expected: [...s].flatMap((scale, i) => [scale, squares[i] as number]), elements: 'f32' },
  };
}

/** What `normed` hands on of residual rows x, besides x itself; weight [stride]. */
export function normedOutputs(x: Float64Array, weight: Float32Array, format: ActivationFormat): Record<string, Output> {
  const next = x.map((v, i) => v * (weight[i % weight.length] as number));
  const squares = Float64Array.from({ length: x.length / blockLength }, (_, block) =>
    x.subarray(block * blockLength, (block + 1) * blockLength).reduce((sum, v) => sum + v * v, 0),
  );
  if (format === 'q8') return int8Outputs(next, squares);
  return { next: { expected: next, elements: 'f32' }, next_ss: { expected: squares, elements: 'f32' } };
}
