/**
 * sample_adjust: the logits to draw from, with biases and penalties, and without what a grammar rules out.
 *
 *   candidates = (logit + bias), divided (or multiplied, where negative) by the repeat penalty where the token is recent,
 *                − count × frequency penalty − presence penalty; RULED_OUT where the row is masked and the token's bit is 0
 *
 *   logits, candidates   [rows, STRIDE], LENGTH of them      samplings   [rows]
 *   biases, counts       [sequences, LENGTH]: what is added, and how often the token stands among the recent ones
 *   masks                [rows, LENGTH / 32, rounded up]: a bit for each token, the lowest first
 *   dispatch             x: tokens of the vocabulary, y: rows; rows whose logits nothing changes are left out
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random } from './case_data.ts';
import { range } from './parts/range.ts';
import { type Mask, maskWords, type RowSampling, ruledOut, samplingTable } from './parts/sampling.ts';
import { caseRows } from './sample_cases.ts';

export interface Shape {
  /** Of the vocabulary. */
  readonly length: number;
  readonly stride: number;
}

export type Variant = Record<never, never>;

const invocations = 256;

/** One row; biases and counts [length], of the row's sequence. */
export function reference(
  logits: ArrayLike<number>,
  biases: ArrayLike<number>,
  counts: ArrayLike<number>,
  { repeatPenalty, frequencyPenalty, presencePenalty, ...sampling }: RowSampling,
): Float64Array {
  const mask = sampling.mask as Mask | undefined;
  return Float64Array.from(logits, (logit, id) => {
    if (mask && (((mask[id >>> 5] as number) >>> (id & 31)) & 1) === 0) return ruledOut;
    const biased = logit + (biases[id] as number);
    const count = counts[id] as number;
    if (count === 0) return biased;
    const repeated = biased > 0 ? biased / repeatPenalty : biased * repeatPenalty;
    return repeated - count * frequencyPenalty - presencePenalty;
  });
}

function sampleAdjustCase(length: number): Case<Shape> {
  const stride = length + 3;
  return {
    id: `${length}`,
    shape: { length, stride },
    tolerance: f32Tolerance,
    trial() {
      const random = new Random(length);
      const words = maskWords(length);
      const masks = Uint32Array.from({ length: 6 * words }, () => random.below(2 ** 32));
      const { rows, tables } = caseRows([
        { sequence: 1, adjusts: true, repeatPenalty: 1.25, frequencyPenalty: 0.5, presencePenalty: -0.25 },
        { sequence: 0 },
        { sequence: 2, filters: true },
        { sequence: 0, adjusts: true, presencePenalty: 1 },
        { sequence: 1, mask: masks.subarray(4 * words, 5 * words) },
        { sequence: 2, adjusts: true, repeatPenalty: 2, mask: masks.subarray(5 * words) },
      ]);
      const logits = random.normal(rows.length * length).map((value) => 4 * value);
      const biases = random.normal(3 * length).map((value, i) => (i % 3 === 0 ? value : 0));
      const counts = Uint32Array.from({ length: 3 * length }, () => Math.max(0, random.below(6) - 3));
      const expected = new Float64Array(rows.length * stride).fill(Number.NaN);
      rows.forEach((sampling, r) => {
        if (!sampling.adjusts && !sampling.filters && !sampling.mask) return;
        const row = logits.subarray(r * length, (r + 1) * length);
        const own = [sampling.sequence * length, (sampling.sequence + 1) * length] as const;
        const of = (table: ArrayLike<number> & { subarray(...range: readonly number[]): ArrayLike<number> }) =>
          sampling.adjusts ? table.subarray(...own) : new Uint32Array(length);
        expected.set(reference(row, of(biases), of(counts), sampling), r * stride);
      });
      return {
        count: rows.length,
        inputs: {
          logits: padded(logits, length, stride, 100),
          biases,
          counts,
          masks,
          ...tables,
        },
        outputs: { candidates: { expected, elements: 'f32' } },
      };
    },
  };
}

export const sample_adjust: Kernel<Shape, Variant> = {
  name: 'sample_adjust',

  variants: () => [{}],

  wgsl: ({ length }) => wgsl`
override LENGTH: u32;
override STRIDE: u32;
const MASK_WORDS = ${maskWords(length)}u;
${range}
${samplingTable}
var<storage, read> masks: array<u32>;
var<storage, read> logits: array<f32>;
var<storage, read> biases: array<f32>;
var<storage, read> counts: array<u32>;
var<storage, read_write> candidates: array<f32>;

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = range.start + id.y;
  let sampling = samplings[row];
  if (id.x >= LENGTH || sampling.is_sampled == 0u || sampling.changes == 0u) { return; }
  var logit = logits[row * STRIDE + id.x];
  if ((sampling.changes & 1u) != 0u) {
    logit += biases[sampling.sequence * LENGTH + id.x];
    let count = counts[sampling.sequence * LENGTH + id.x];
    if (count > 0u) {
      logit = select(logit * sampling.repeat_penalty, logit / sampling.repeat_penalty, logit > 0.0);
      logit -= f32(count) * sampling.frequency_penalty + sampling.presence_penalty;
    }
  }
  if ((sampling.changes & 4u) != 0u) {
    let word = masks[row * MASK_WORDS + id.x / 32u];
    logit = select(RULED_OUT, logit, ((word >> (id.x % 32u)) & 1u) != 0u);
  }
  candidates[row * STRIDE + id.x] = logit;
}
`,

  overrides: ({ length, stride }) => ({ LENGTH: length, STRIDE: stride }),

  workgroups: ({ length }, _, count) => [Math.ceil(length / invocations), count, 1],
};

export const sampleAdjustChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 16, flops: count * length * 4 }),
  cases: [sampleAdjustCase(7), sampleAdjustCase(515)],
  benches: [sampleAdjustCase(256_000)],
});
