/**
 * log_softmax: how likely a row's logits make one token, and the most likely ones, best first; of equals the lowest id.
 *
 *   logprob(id) = (logits[id] − max) − ln Σ_j e^(logits[j] − max)
 *
 *   logits     [rows, STRIDE], LENGTH of them      scorings   [rows]
 *   target_logprobs   [rows]
 *   top_ids, top_logprobs   [rows, MAX_TOP]; an id of NO_TOKEN, and 0, behind as many as the row wants or there are
 *   dispatch   x: a workgroup per row; of a row with a logit that is NaN or infinite, all ids are NO_TOKEN and all else 0
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';
import { workgroupSum, workgroupSumOrder } from './parts/reduce.ts';
import { floatKeys, noToken, winner } from './parts/sampling.ts';

export interface Shape {
  /** Of the vocabulary. */
  readonly length: number;
  readonly stride: number;
}

export interface Variant {
  readonly subgroups: boolean;
}

/** What is asked of a row. */
export interface RowScoring {
  /** The token whose log-probability is wanted. */
  readonly target: number;
  /** How many of the most likely tokens are, up to `maxTop`. */
  readonly top: number;
}

/** As many as evaluations ask for: 10 at most. */
export const maxTop = 16;
/** Words per row of `scorings`. */
export const scoringWords = 2;

const invocations = 64;

/** One row; `logits` [length]. Nothing of it where one of them is no number. */
export function reference(logits: ArrayLike<number>, { target, top }: RowScoring) {
  const values = Array.from(logits);
  if (!values.every(Number.isFinite)) return { target: 0, ids: [] as number[], logprobs: [] as number[] };
  const most = values.reduce((a, b) => Math.max(a, b));
  const logSum = Math.log(values.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  const logprob = (id: number) => (values[id] as number) - most - logSum;
  const ids = values
    .map((_, id) => id)
    .sort((a, b) => (values[b] as number) - (values[a] as number))
    .slice(0, top);
  return { target: logprob(target), ids, logprobs: ids.map(logprob) };
}

function logSoftmaxCase(length: number, scorings: readonly RowScoring[], ties = false): Case<Shape> {
  const stride = length + 3;
  return {
    id: `${length} top ${scorings.map(({ top }) => top).join(',')}${ties ? ' ties' : ''}`,
    shape: { length, stride },
    tolerance: f32Tolerance,
    trial() {
      const rows = [...scorings, { target: 0, top: 2 }]; // the last one's logits are broken
      const random = new Random(length);
      const logits = random.normal(rows.length * length).map((value) => (ties ? Math.round(value) : 4 * value + 9));
      logits[rows.length * length - 1] = Number.NaN;
      const answers = rows.map((row, r) => reference(logits.subarray(r * length, (r + 1) * length), row));
      const filled = (values: readonly number[], rest: number) => [
        ...values,
        ...Array(maxTop - values.length).fill(rest),
      ];
      const words = new Uint32Array(rows.length * scoringWords);
      rows.forEach((row, r) => {
        writeScoring(words, r, row);
      });
      return {
        count: rows.length,
        inputs: { logits: padded(logits, length, stride, 1e4), scorings: words, range: rangeWords(0, rows.length) },
        outputs: {
          target_logprobs: { expected: answers.map(({ target }) => target), elements: 'f32' },
          top_ids: { expected: answers.flatMap(({ ids }) => filled(ids, noToken)), elements: 'u32' },
          top_logprobs: { expected: answers.flatMap(({ logprobs }) => filled(logprobs, 0)), elements: 'f32' },
        },
      };
    },
  };
}

/** Writes what is asked of a row as the kernel reads it. */
export function writeScoring(words: Uint32Array, row: number, { target, top }: RowScoring): void {
  words.set([target, top], row * scoringWords);
}

export const log_softmax: Kernel<Shape, Variant> = {
  name: 'log_softmax',

  variants: (_, features) =>
    features.subgroups ? [{ subgroups: true }, { subgroups: false }] : [{ subgroups: false }],

  order: workgroupSumOrder,

  wgsl: (_, { subgroups }) => wgsl`
${workgroupSum(invocations, subgroups)}
override LENGTH: u32;
override STRIDE: u32;
const NO_TOKEN = ${noToken}u;
${range}
${floatKeys}
${winner}
struct Scoring {
  target_id: u32,
  top: u32,
}
var<storage, read> logits: array<f32>;
var<storage, read> scorings: array<Scoring>;
var<storage, read_write> target_logprobs: array<f32>;
var<storage, read_write> top_ids: array<u32>;
var<storage, read_write> top_logprobs: array<f32>;

var<workgroup> told_count: u32;

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
#if ${subgroups}
  @builtin(subgroup_size) subgroup_size: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
#endif
) {
  let row = range.start + group.x;
  let scoring = scorings[row];
  let start = row * STRIDE;
  var own = -3.4e38;
  for (var id = lane; id < LENGTH; id += ${invocations}u) {
    let logit = logits[start + id];
    if ((bitcast<u32>(logit) & 0x7f800000u) == 0x7f800000u) { atomicStore(&broken, 1u); }
    own = max(own, logit);
  }
  offer(own);
  workgroupBarrier();
  let most = value_of(atomicLoad(&best_key));
  if (lane == 0u) { told_count = select(min(scoring.top, LENGTH), 0u, is_broken()); }
  let told = workgroupUniformLoad(&told_count);

  own = 0.0;
  for (var id = lane; id < LENGTH; id += ${invocations}u) { own += exp(logits[start + id] - most); }
#if ${subgroups}
  let log_sum = log(workgroup_sum(own, lane, subgroup_size, subgroup_lane));
#else
  let log_sum = log(workgroup_sum(own, lane));
#endif
  if (lane == 0u) {
    target_logprobs[row] = select((logits[start + scoring.target_id] - most) - log_sum, 0.0, is_broken());
  }

  var last_logit = 3.4e38;
  var last_id = 0u;
  for (var place = 0u; place < told; place++) {
    // the best of those behind the last one: of a lower logit, or of the same and a higher id
    var own_logit = -3.4e38;
    var own_id = NO_TOKEN;
    for (var id = lane; id < LENGTH; id += ${invocations}u) {
      let logit = logits[start + id];
      let is_behind = logit < last_logit || (logit == last_logit && id > last_id);
      if (is_behind && (logit > own_logit || own_id == NO_TOKEN)) {
        own_logit = logit;
        own_id = id;
      }
    }
    workgroupBarrier(); // the winner before is known to all
    if (lane == 0u) {
      atomicStore(&best_key, 0u);
      atomicStore(&inverted_id, 0u);
    }
    workgroupBarrier();
    if (own_id != NO_TOKEN) { offer(own_logit); }
    workgroupBarrier();
    if (own_id != NO_TOKEN) { claim(own_logit, own_id); }
    workgroupBarrier();
    last_logit = value_of(atomicLoad(&best_key));
    last_id = winner();
    if (lane == 0u) {
      top_ids[row * ${maxTop}u + place] = last_id;
      top_logprobs[row * ${maxTop}u + place] = (last_logit - most) - log_sum;
    }
  }
  for (var place = told + lane; place < ${maxTop}u; place += ${invocations}u) {
    top_ids[row * ${maxTop}u + place] = NO_TOKEN;
    top_logprobs[row * ${maxTop}u + place] = 0.0;
  }
}
`,

  overrides: ({ length, stride }) => ({ LENGTH: length, STRIDE: stride }),

  workgroups: (_shape, _variant, count) => [count, 1, 1],
};

export const logSoftmaxChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 4, flops: count * length * 20 }),

  cases: [
    logSoftmaxCase(7, [{ target: 3, top: maxTop }]), // more than there are
    logSoftmaxCase(
      515,
      [
        { target: 514, top: 0 },
        { target: 0, top: 1 },
        { target: 7, top: 10 },
      ],
      true,
    ),
    logSoftmaxCase(32_001, [
      { target: 31_999, top: 1 },
      { target: 5, top: maxTop },
    ]),
  ],

  benches: [
    logSoftmaxCase(256_000, [{ target: 9, top: 1 }]),
    logSoftmaxCase(256_000, Array(32).fill({ target: 9, top: 1 })),
  ],
});
