/**
 * flash_attn_merge: puts the partial results of a token's attention together, in the order of their positions:
 * M = max m_i, next = Σ e^(m_i − M) · o_i / Σ e^(m_i − M) · l_i, in the form that the next matmul reads.
 *
 *   partial    [partials, HEADS, FOURS × 4 + 4]: o, unscaled, then m and l
 *   dispatch   x: fours of all heads, y: tokens
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, Random } from './case_data.ts';
import { int8Outputs, int8Tolerance } from './emit_case_data.ts';
import type { ActivationFormat } from './parts/activation.ts';
import { partialLength } from './parts/attn_items.ts';
import { emit } from './parts/emit.ts';
import { range, rangeWords, tokenTable } from './parts/range.ts';
import { paddedLength } from './quants/block_type.ts';

export interface Shape {
  readonly heads: number;
  readonly headLength: number;
  readonly emits: ActivationFormat;
}

export type Variant = Record<never, never>;

const invocations = 64;

/** partials of one head: the result, max and sum of each. */
export function reference(partials: readonly Float32Array[], headLength: number): Float64Array {
  const max = Math.max(...partials.map((partial) => partial[headLength] as number));
  const out = new Float64Array(headLength);
  let sum = 0;
  for (const partial of partials) {
    const weight = Math.exp((partial[headLength] as number) - max);
    sum += weight * (partial[headLength + 1] as number);
    for (let d = 0; d < headLength; d++) out[d] = (out[d] as number) + weight * (partial[d] as number);
  }
  return out.map((v) => v / sum);
}

function mergeCase(
  heads: number,
  headLength: number,
  partialCounts: readonly number[],
  emits: ActivationFormat,
): Case<Shape> {
  return {
    id: `${heads}×${headLength} partials=${partialCounts.join(',')} ${emits}`,
    shape: { heads, headLength, emits },
    tolerance: emits === 'q8' ? int8Tolerance : f32Tolerance,
    trial() {
      const random = new Random(heads * headLength);
      const total = partialCounts.reduce((a, b) => a + b, 0);
      const length = partialLength(headLength);
      const partial = random.normal(total * heads * length);
      for (let at = headLength; at < partial.length; at += length)
        partial[at + 1] = 1 + Math.abs(partial[at + 1] as number);
      const stride = paddedLength(heads * headLength);
      const expected = new Float64Array(partialCounts.length * stride);
      const table: number[] = [];
      let start = 0;
      partialCounts.forEach((count, token) => {
        table.push(0, 0, start, count);
        for (let head = 0; head < heads; head++) {
          const partials = Array.from({ length: count }, (_, i) => {
            const at = ((start + i) * heads + head) * length;
            return partial.subarray(at, at + length);
          });
          expected.set(reference(partials, headLength), token * stride + head * headLength);
        }
        start += count;
      });
      return {
        count: partialCounts.length,
        inputs: { partial, tokens: Uint32Array.from(table), range: rangeWords(0, partialCounts.length) },
        outputs: emits === 'q8' ? int8Outputs(expected) : { next: { expected, elements: 'f32' } },
      };
    },
  };
}

export const flash_attn_merge: Kernel<Shape, Variant> = {
  name: 'flash_attn_merge',

  variants: () => [{}],

  wgsl: ({ emits }) => wgsl`
override HEADS: u32;
override FOURS: u32; // of a head
override NEXT_FOURS: u32; // of a token's row, padding zero
${range}
${tokenTable}
${emit(emits, false)}
var<storage, read> partial: array<vec4<f32>>;
var<workgroup> block_most: array<f32, ${invocations}>; // the largest of each four

fn merged(token: u32, i: u32) -> vec4<f32> {
  let stride = HEADS * (FOURS + 1u);
  let first = tokens[token].partial_start * stride + i / FOURS * (FOURS + 1u);
  let count = tokens[token].partial_count;
  var highest = partial[first + FOURS].x;
  for (var p = 1u; p < count; p++) { highest = max(highest, partial[first + p * stride + FOURS].x); }
  var sum = 0.0;
  var out = vec4<f32>();
  for (var p = 0u; p < count; p++) {
    let slot = first + p * stride;
    let weight = exp(max(partial[slot + FOURS].x - highest, -87.0));
    sum = fma(weight, partial[slot + FOURS].y, sum);
    out = fma(vec4<f32>(weight), partial[slot + i % FOURS], out);
  }
  return out / sum;
}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let token = range.start + id.y;
  var own = vec4<f32>();
  if (id.x < HEADS * FOURS) { own = merged(token, id.x); }
  block_most[invocation] = largest(own);
  workgroupBarrier();
  var most = 0.0;
  for (var i = 0u; i < not_constant(8u); i++) { most = max(most, block_most[(invocation & ~7u) + i]); }
  if (id.x < NEXT_FOURS) { emit(token * NEXT_FOURS + id.x, own, most, 0.0); }
}
`,

  overrides: ({ heads, headLength }) => ({
    HEADS: heads,
    FOURS: headLength / 4,
    NEXT_FOURS: paddedLength(heads * headLength) / 4,
  }),

  workgroups: ({ heads, headLength }, _, count) => [
    Math.ceil(paddedLength(heads * headLength) / 4 / invocations),
    count,
    1,
  ],
};

export const flashAttnMergeChecks = (): Checks<Shape> => ({
  cost: ({ heads, headLength }, count) => ({
    bytes: count * heads * headLength * 8,
    flops: count * heads * headLength * 2,
  }),

  cases: [
    mergeCase(8, 8, [3], 'f32'),
    mergeCase(3, 20, [1, 1, 5], 'q8'),
    mergeCase(3, 20, [1, 5], 'f32'),
    mergeCase(2, 128, [40], 'q8'),
  ],

  benches: [],
});
