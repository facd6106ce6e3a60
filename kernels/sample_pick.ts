/**
 * sample_pick: the winner of a row's blocks is its token. It becomes the input of its sequence's next step, where it feeds
 * one, and one of the recent tokens, where those are counted.
 *
 *   best_scores, best_ids   [rows, BLOCKS]      samplings   [rows]
 *   ids       [rows]: the token, or NO_TOKEN where the logits were no numbers
 *   last_ids  [sequences]: the token that a next step may take up without the host; then 0
 *   counts    [sequences, LENGTH]      recent   [sequences, MAX_RECENT]: a ring of the tokens that are counted
 *   dispatch  x: a workgroup per row; of a sequence at most one row feeds, and one is counted
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { Random } from './case_data.ts';
import { range } from './parts/range.ts';
import { allRecent, floatKeys, maxRecent, noToken, type RowSampling, samplingTable, winner } from './parts/sampling.ts';
import { caseRows } from './sample_cases.ts';
import { drawBlocks } from './sample_draw.ts';

export interface Shape {
  /** Of the vocabulary. */
  readonly length: number;
}

export type Variant = Record<never, never>;

const invocations = 64;

/** A row's token, and its place in counts [length] and recent [maxRecent] of its sequence, which change. */
export function reference(
  scores: ArrayLike<number>,
  ids: ArrayLike<number>,
  { recentLength, recentPlace }: RowSampling,
  counts: Uint32Array,
  recent: Uint32Array,
): number {
  let best = 0;
  for (let i = 0; i < scores.length; i++) {
    if (ids[i] === noToken) return noToken;
    if ((scores[i] as number) > (scores[best] as number)) best = i;
  }
  const id = ids[best] as number;
  if (recentLength > 0) counts[id] = (counts[id] as number) + 1;
  if (recentLength > 0 && recentLength < allRecent) {
    const place = recentPlace % recentLength;
    const oldest = recent[place] as number;
    if (recentPlace >= recentLength) counts[oldest] = (counts[oldest] as number) - 1;
    recent[place] = id;
  }
  return id;
}

function samplePickCase(length: number): Case<Shape> {
  return {
    id: `${length}`,
    shape: { length },
    trial() {
      const blocks = drawBlocks(length);
      const { rows, tables } = caseRows([
        { sequence: 3 },
        { sequence: 1, recentLength: 5, recentPlace: 13 },
        { sequence: 0, recentLength: allRecent, recentPlace: 2 },
        { sequence: 2, recentLength: 8, recentPlace: 7 },
        { sequence: 0, feeds: false },
        { sequence: 4, feeds: false },
        { sequence: 4 },
      ]);
      const sequences = 5;
      const random = new Random(length);
      const scores = random.normal(rows.length * blocks);
      const ids = Uint32Array.from({ length: scores.length }, () => random.below(length));
      ids[ids.length - 1] = noToken;
      const counts = Uint32Array.from({ length: sequences * length }, () => 2 + random.below(3));
      const recent = Uint32Array.from({ length: sequences * maxRecent }, () => random.below(length));
      const after = { counts: counts.slice(), recent: recent.slice() };
      const lastIds = new Uint32Array(sequences).fill(77);
      const expected = rows.map((sampling, r) => {
        const { sequence } = sampling;
        const own = (words: Uint32Array, each: number) => words.subarray(sequence * each, (sequence + 1) * each);
        const part = (words: ArrayLike<number>) => Array.from(words).slice(r * blocks, (r + 1) * blocks);
        const id = reference(
          part(scores),
          part(ids),
          sampling,
          own(after.counts, length),
          own(after.recent, maxRecent),
        );
        if (sampling.feeds) lastIds[sequence] = id === noToken ? 0 : id;
        return id;
      });
      return {
        count: rows.length,
        inputs: {
          best_scores: scores,
          best_ids: ids,
          ...tables,
        },
        outputs: {
          ids: { expected, elements: 'u32' },
          last_ids: { initial: new Uint32Array(sequences).fill(77), expected: lastIds, elements: 'u32' },
          counts: { initial: counts, expected: after.counts, elements: 'u32' },
          recent: { initial: recent, expected: after.recent, elements: 'u32' },
        },
      };
    },
  };
}

export const sample_pick: Kernel<Shape, Variant> = {
  name: 'sample_pick',

  variants: () => [{}],

  wgsl: ({ length }) => wgsl`
override LENGTH: u32;
const BLOCKS = ${drawBlocks(length)}u;
${range}
${samplingTable}
${floatKeys}
${winner}
var<storage, read> best_scores: array<f32>;
var<storage, read> best_ids: array<u32>;
var<storage, read_write> ids: array<u32>;
var<storage, read_write> last_ids: array<u32>;
var<storage, read_write> counts: array<u32>;
var<storage, read_write> recent: array<u32>;

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = range.start + group.x;
  let sampling = samplings[row];
  if (sampling.is_sampled == 0u) { return; }

  for (var i = lane; i < not_constant(BLOCKS); i += ${invocations}u) {
    offer(best_scores[row * BLOCKS + i]);
    if (best_ids[row * BLOCKS + i] == ${noToken}u) { atomicStore(&broken, 1u); }
  }
  workgroupBarrier();
  for (var i = lane; i < not_constant(BLOCKS); i += ${invocations}u) {
    claim(best_scores[row * BLOCKS + i], best_ids[row * BLOCKS + i]);
  }
  workgroupBarrier();
  if (lane > 0u) { return; }

  let id = winner();
  ids[row] = id;
  if (sampling.feeds != 0u) { last_ids[sampling.sequence] = select(id, 0u, is_broken()); }
  if (is_broken() || sampling.recent_length == 0u) { return; }

  let own = sampling.sequence * LENGTH;
  counts[own + id] += 1u;
  if (sampling.recent_length == ${allRecent}u) { return; }
  let place = sampling.sequence * ${maxRecent}u + sampling.recent_place % sampling.recent_length;
  if (sampling.recent_place >= sampling.recent_length) { counts[own + recent[place]] -= 1u; }
  recent[place] = id;
}
`,

  overrides: ({ length }) => ({ LENGTH: length }),

  workgroups: (_shape, _variant, count) => [count, 1, 1],
};

export const samplePickChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * drawBlocks(length) * 8, flops: 0 }),
  cases: [samplePickCase(7), samplePickCase(9000)],
  benches: [samplePickCase(256_000)],
});
