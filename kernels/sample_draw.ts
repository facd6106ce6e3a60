/**
 * sample_draw: of each block of a row's tokens the one that wins the draw: the highest logit at temperature 0, otherwise
 * the highest logit / temperature + noise; of equals the lowest id.
 *
 *   logits, candidates   [rows, STRIDE], LENGTH of them      samplings   [rows]
 *   best_scores, best_ids   [rows, BLOCKS]; an id of NO_TOKEN where a logit is NaN or infinite
 *   dispatch             x: blocks, y: rows
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random } from './case_data.ts';
import { range } from './parts/range.ts';
import { floatKeys, noise, noiseOf, noToken, type RowSampling, samplingTable, winner } from './parts/sampling.ts';
import { caseRows } from './sample_cases.ts';

export interface Shape {
  /** Of the vocabulary. */
  readonly length: number;
  readonly stride: number;
}

export type Variant = Record<never, never>;

const invocations = 64;
/** Tokens of the vocabulary that a workgroup compares. */
const blockTokens = 32 * invocations;
/** Winners that a row of `length` logits leaves. */
export const drawBlocks = (length: number) => Math.ceil(length / blockTokens);

/** The winner of each block of a row. */
export function reference(logits: ArrayLike<number>, { temperature, seed, counter }: RowSampling) {
  const ids: number[] = [];
  const scores: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const block = Math.floor(id / blockTokens);
    const logit = logits[id] as number;
    const score = temperature === 0 ? logit : logit / temperature + noiseOf(seed, counter, id);
    if (score > (scores[block] ?? Number.NEGATIVE_INFINITY)) {
      ids[block] = id;
      scores[block] = score;
    }
  }
  return { ids, scores };
}

function sampleDrawCase(length: number, ties: boolean): Case<Shape> {
  const stride = length + 3;
  return {
    id: `${length}${ties ? ' ties' : ''}`,
    shape: { length, stride },
    tolerance: f32Tolerance,
    trial() {
      const { rows, tables } = caseRows([
        { temperature: 0 },
        { temperature: 0.7, seed: 3, counter: 12 },
        { temperature: 2, filters: true, seed: 2 ** 32 - 1 },
        { temperature: 0, adjusts: true },
        { temperature: 0 },
      ]);
      const random = new Random(length);
      const some = () => random.normal(rows.length * length).map((value) => (ties ? Math.round(value) : 3 * value - 9));
      const sources = [some(), some()] as const;
      const blocks = drawBlocks(length);
      const broken = rows.length - 1;
      sources[0][broken * length + length - 2] = Number.NaN;
      const ids: number[] = [];
      const scores: number[] = [];
      rows.forEach((sampling, r) => {
        const source = sources[sampling.adjusts || sampling.filters ? 1 : 0];
        const best = reference(source.subarray(r * length, (r + 1) * length), sampling);
        ids.push(...best.ids);
        scores.push(...best.scores);
      });
      const last = rows.length * blocks - 1;
      ids[last] = noToken;
      scores[last] = 0;
      return {
        count: rows.length,
        inputs: {
          logits: padded(sources[0], length, stride, 1e4),
          candidates: padded(sources[1], length, stride, 1e4),
          ...tables,
        },
        outputs: {
          best_ids: { expected: ids, elements: 'u32' },
          best_scores: { expected: scores, elements: 'f32' },
        },
      };
    },
  };
}

export const sample_draw: Kernel<Shape, Variant> = {
  name: 'sample_draw',

  variants: () => [{}],

  wgsl: ({ length }) => wgsl`
override LENGTH: u32;
override STRIDE: u32;
const BLOCKS = ${drawBlocks(length)}u;
${range}
${samplingTable}
${floatKeys}
${winner}
${noise}
var<storage, read> logits: array<f32>;
var<storage, read> candidates: array<f32>;
var<storage, read_write> best_scores: array<f32>;
var<storage, read_write> best_ids: array<u32>;

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = range.start + group.y;
  let sampling = samplings[row];
  let start = row * STRIDE;
  var own_score = -3.4e38;
  var own_id = ${noToken}u;
  for (var i = 0u; i < not_constant(${blockTokens / invocations}u); i++) {
    let id = group.x * ${blockTokens}u + i * ${invocations}u + lane;
    if (id >= LENGTH) { break; }
    var score: f32;
    if (sampling.changes == 0u) { score = logits[start + id]; } else { score = candidates[start + id]; }
    if ((bitcast<u32>(score) & 0x7f800000u) == 0x7f800000u) { atomicStore(&broken, 1u); }
    if (sampling.temperature > 0.0 && score > RULED_OUT) {
      score = score / sampling.temperature + noise(sampling.seed, sampling.counter, id);
    }
    if (score > own_score) {
      own_score = score;
      own_id = id;
    }
  }
  offer(own_score);
  workgroupBarrier();
  claim(own_score, own_id);
  workgroupBarrier();
  if (lane == 0u) {
    best_scores[row * BLOCKS + group.x] = select(value_of(atomicLoad(&best_key)), 0.0, is_broken());
    best_ids[row * BLOCKS + group.x] = winner();
  }
}
`,

  overrides: ({ length, stride }) => ({ LENGTH: length, STRIDE: stride }),

  workgroups: ({ length }, _, count) => [drawBlocks(length), count, 1],
};

export const sampleDrawChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 4, flops: count * length * 20 }),
  cases: [sampleDrawCase(7, false), sampleDrawCase(515, true), sampleDrawCase(32_001, false)],
  benches: [sampleDrawCase(256_000, false)],
});
