/**
 * quantize_q8: activations to int8 per block of 32, for matmuls of numeric class `fast`:
 * scale = max|x| / 127, q = round(x / scale), both zero for a block of zeros.
 *
 *   x          [tokens, BLOCKS × 32]      act_q   int8 [tokens, BLOCKS × 32]      act_s   [tokens, BLOCKS]
 *   dispatch   x: blocks, y: tokens
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';
import { packI8, unroll } from './parts/values.ts';
import { blockLength, blocksPerRow, paddedLength } from './quants/block_type.ts';
import { roundHalfToEven } from './quants/floats.ts';

export interface Shape {
  readonly length: number;
}

export type Variant = Record<never, never>;

const invocations = 64;

/** x: whole blocks. */
export function reference(x: ArrayLike<number>): { q: Int8Array; s: Float64Array } {
  const q = new Int8Array(x.length);
  const s = new Float64Array(x.length / blockLength);
  for (let block = 0; block < s.length; block++) {
    let largest = 0;
    for (let i = 0; i < blockLength; i++) largest = Math.max(largest, Math.abs(x[block * blockLength + i] as number));
    s[block] = largest / 127;
    for (let i = block * blockLength; i < (block + 1) * blockLength; i++) {
      q[i] = largest > 0 ? roundHalfToEven((x[i] as number) * (127 / largest)) : 0;
    }
  }
  return { q, s };
}

function quantizeCase(length: number, tokens: number): Case<Shape> {
  return {
    id: `${length} n=${tokens}`,
    shape: { length },
    tolerance: f32Tolerance, // of the scales; a q off by one is far beyond it
    trial() {
      const random = new Random(length + tokens);
      const x = padded(random.normal((tokens + 1) * length), length);
      x.fill(0, paddedLength(length), paddedLength(length) + blockLength); // a block of zeros
      const { q, s } = reference(x);
      const untouched = paddedLength(length);
      return {
        count: tokens,
        inputs: { x, range: rangeWords(1, tokens) },
        outputs: {
          act_q: { expected: Float64Array.from(q).fill(Number.NaN, 0, untouched), elements: 'i8' },
          act_s: { expected: s.fill(Number.NaN, 0, untouched / blockLength), elements: 'f32' },
        },
      };
    },
  };
}

export const quantize_q8: Kernel<Shape, Variant> = {
  name: 'quantize_q8',

  variants: () => [{}],

  wgsl: () => wgsl`
override BLOCKS: u32;
${range}
var<storage, read> x: array<vec4<f32>>;
var<storage, read_write> act_q: array<vec4<u32>>;
var<storage, read_write> act_s: array<f32>;

fn largest(v: vec4<f32>) -> f32 {
  let a = abs(v);
  return max(max(a.x, a.y), max(a.z, a.w));
}
${packI8}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= BLOCKS) { return; }
  let block = (range.start + id.y) * BLOCKS + id.x;
  ${unroll(8, (i) => `let v${i} = x[block * 8u + ${i}u];`)}
  let low = max(max(largest(v0), largest(v1)), max(largest(v2), largest(v3)));
  let high = max(max(largest(v4), largest(v5)), max(largest(v6), largest(v7)));
  let most = max(low, high);
  let inverse = select(0.0, 127.0 / most, most > 0.0);
  act_s[block] = most / 127.0;
  act_q[block * 2u] = vec4<u32>(pack_i8(v0 * inverse), pack_i8(v1 * inverse), pack_i8(v2 * inverse), pack_i8(v3 * inverse));
  act_q[block * 2u + 1u] = vec4<u32>(pack_i8(v4 * inverse), pack_i8(v5 * inverse), pack_i8(v6 * inverse), pack_i8(v7 * inverse));
}
`,

  overrides: ({ length }) => ({ BLOCKS: blocksPerRow(length) }),

  workgroups: ({ length }, _, count) => [Math.ceil(blocksPerRow(length) / invocations), count, 1],
};

export const quantizeQ8Checks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 5, flops: count * length * 2 }),

  cases: [quantizeCase(96, 2), quantizeCase(512, 3), quantizeCase(2080, 1)],

  benches: [quantizeCase(8192, 1)],
});
