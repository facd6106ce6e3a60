/**
 * flash_attn_merge: puts the partial results of a token's attention together, in the order of their positions:
 * M = max m_i, dst = Σ e^(m_i − M) · o_i / Σ e^(m_i − M) · l_i.
 *
 *   partial    [partials, HEADS, FOURS × 4 + 4]: o, unscaled, then m and l
 *   dispatch   x: fours of all heads, y: tokens; a token without partials is complete already
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, Random } from './case_data.ts';
import { partialLength } from './parts/attn_items.ts';
import { range, rangeWords, tokenTable } from './parts/range.ts';
import { paddedLength } from './quants/block_type.ts';

export interface Shape {
  readonly heads: number;
  readonly headLength: number;
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

function mergeCase(heads: number, headLength: number, partialCounts: readonly number[]): Case<Shape> {
  return {
    id: `${heads}×${headLength} partials=${partialCounts.join(',')}`,
    shape: { heads, headLength },
    tolerance: f32Tolerance,
    trial() {
      const random = new Random(heads * headLength);
      const total = partialCounts.reduce((a, b) => a + b, 0);
      const length = partialLength(headLength);
      const partial = random.normal(total * heads * length);
      for (let at = headLength; at < partial.length; at += length)
        partial[at + 1] = 1 + Math.abs(partial[at + 1] as number);
      const stride = paddedLength(heads * headLength);
      const expected = new Float64Array(partialCounts.length * stride).fill(Number.NaN);
      const table: number[] = [];
      let start = 0;
      partialCounts.forEach((count, token) => {
        table.push(0, 0, 0, start, count);
        for (let head = 0; head < heads && count > 0; head++) {
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
        inputs: {
          partial,
          tokens: Uint32Array.from(table),
          range: rangeWords(0, partialCounts.length),
        },
        outputs: { dst: { expected, elements: 'f32' } },
      };
    },
  };
}

export const flash_attn_merge: Kernel<Shape, Variant> = {
  name: 'flash_attn_merge',

  variants: () => [{}],

  wgsl: () => wgsl`
override HEADS: u32;
override FOURS: u32; // of a head
override DST_FOURS: u32; // of a token's row
${range}
${tokenTable}
var<storage, read> partial: array<vec4<f32>>;
var<storage, read_write> dst: array<vec4<f32>>;

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let token = range.start + id.y;
  let count = tokens[token].partial_count;
  if (id.x >= HEADS * FOURS || count == 0u) { return; }
  let head = id.x / FOURS;
  let stride = HEADS * (FOURS + 1u);
  let first = tokens[token].partial_start * stride + head * (FOURS + 1u);
  var highest = partial[first + FOURS].x;
  for (var i = 1u; i < count; i++) { highest = max(highest, partial[first + i * stride + FOURS].x); }
  var sum = 0.0;
  var out = vec4<f32>();
  for (var i = 0u; i < count; i++) {
    let slot = first + i * stride;
    let weight = exp(max(partial[slot + FOURS].x - highest, -87.0));
    sum = fma(weight, partial[slot + FOURS].y, sum);
    out = fma(vec4<f32>(weight), partial[slot + id.x % FOURS], out);
  }
  dst[token * DST_FOURS + id.x] = out / sum;
}
`,

  overrides: ({ heads, headLength }) => ({
    HEADS: heads,
    FOURS: headLength / 4,
    DST_FOURS: paddedLength(heads * headLength) / 4,
  }),

  workgroups: ({ heads, headLength }, _, count) => [Math.ceil((heads * headLength) / 4 / invocations), count, 1],
};

export const flashAttnMergeChecks = (): Checks<Shape> => ({
  cost: ({ heads, headLength }, count) => ({
    bytes: count * heads * headLength * 8,
    flops: count * heads * headLength * 2,
  }),

  cases: [mergeCase(8, 8, [3]), mergeCase(3, 20, [0, 1, 5]), mergeCase(2, 128, [40])],

  benches: [],
});
