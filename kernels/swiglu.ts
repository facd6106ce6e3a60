/**
 * swiglu: dst[t, i] = silu(gate[t, i]) · up[t, i], for a gate and an up that could not be interleaved into one matrix.
 *
 *   gate, up, dst   [tokens, STRIDE]
 *   dispatch        x: columns, y: tokens
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { expectedRows, f32Tolerance, padded, Random } from './case_data.ts';
import { silu } from './parts/after.ts';
import { range, rangeWords } from './parts/range.ts';
import { paddedLength } from './quants/block_type.ts';

export interface Shape {
  readonly length: number;
}

export type Variant = Record<never, never>;

const invocations = 64;

export function reference(gate: ArrayLike<number>, up: ArrayLike<number>): Float64Array {
  return Float64Array.from(gate, (g, i) => (g / (1 + Math.exp(-g))) * (up[i] as number));
}

function swigluCase(length: number, tokens: number, scale: number): Case<Shape> {
  return {
    id: `${length} n=${tokens} scale=${scale}`,
    shape: { length },
    tolerance: f32Tolerance,
    trial() {
      const random = new Random(length + tokens);
      const gate = random.normal(tokens * length).map((value) => value * scale);
      const up = random.normal(tokens * length);
      return {
        count: tokens,
        inputs: { gate: padded(gate, length), up: padded(up, length), range: rangeWords(0, tokens) },
        outputs: { dst: { expected: expectedRows(reference(gate, up), length), elements: 'f32' } },
      };
    },
  };
}

export const swiglu: Kernel<Shape, Variant> = {
  name: 'swiglu',

  variants: () => [{}],

  wgsl: () => wgsl`
override LENGTH: u32;
override STRIDE: u32;
${range}
var<storage, read> gate: array<f32>;
var<storage, read> up: array<f32>;
var<storage, read_write> dst: array<f32>;
${silu}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= LENGTH) { return; }
  let i = (range.start + id.y) * STRIDE + id.x;
  dst[i] = silu(gate[i]) * up[i];
}
`,

  overrides: ({ length }) => ({ LENGTH: length, STRIDE: paddedLength(length) }),

  workgroups: ({ length }, _, count) => [Math.ceil(length / invocations), count, 1],
};

export const swigluChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 12, flops: count * length * 5 }),

  cases: [swigluCase(172, 3, 1), swigluCase(64, 2, 60)],

  benches: [swigluCase(24576, 1, 1)],
});
