/**
 * log_softmax: how likely a row's logits make one token, and the most likely ones, best first; of equals the lowest id.
 * The logits come a part of the vocabulary after the other, as the output matrix's row tiles do, into the same place:
 *
 *   logprob(id) = (logits[id] − max) − ln Σ_j e^(logits[j] − max)
 *
 *   logits     [rows, STRIDE], of the part's ids      scorings   [rows]
 *   lanes      [rows, LANES]: of the ids that are i modulo LANES, the greatest logit so far and Σ e^(logit − greatest);
 *              the sum is −1 where one of them was NaN or infinite
 *   target_logprobs   [rows]
 *   top_ids, top_logprobs   [rows, MAX_TOP]; an id of NO_TOKEN, and 0, behind as many as the row wants or there are
 *   dispatch   x: a workgroup per row; of a row with a logit that is no number, all ids are NO_TOKEN and all else 0
 *
 * Up to the last part `target_logprobs` and `top_logprobs` hold logits. A lane's ids come in the same order however the
 * vocabulary is divided, so that the sums are the same bits.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel, Output } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';
import { floatKeys, noToken, winner } from './parts/sampling.ts';

export interface Shape {
  /** Of a row of logits. */
  readonly stride: number;
}

/** What is asked of a row. */
export interface RowScoring {
  /** The token whose log-probability is wanted. */
  readonly target: number;
  /** How many of the most likely tokens are, up to `maxTop`. */
  readonly top: number;
}

/** Ids of the vocabulary that the logits belong to. */
export interface VocabularyPart {
  readonly start: number;
  readonly length: number;
  readonly isLast: boolean;
}

/** As many as clients ask for: OpenAI's 20 at most. */
export const maxTop = 20;
/** Words per row of `scorings`. */
export const scoringWords = 2;
const laneCount = 64;
/** Floats per row of `lanes`. */
export const laneFloats = 2 * laneCount;

const lowest = -3.4e38;

/** Writes what is asked of a row as the kernel reads it. */
export function writeScoring(words: Uint32Array, row: number, { target, top }: RowScoring): void {
  words.set([target, top], row * scoringWords);
}

/** A part as the kernel's uniform has it. */
export function partWords({ start, length, isLast }: VocabularyPart): Uint32Array<ArrayBuffer> {
  return new Uint32Array([start, length, isLast ? 1 : 0]);
}

/** What is known of one row after the first `length` of its logits. Nothing is of a broken one. */
export function reference(logits: ArrayLike<number>, length: number, isLast: boolean, { target, top }: RowScoring) {
  const values = Array.from(logits).slice(0, length);
  const byLane = Array.from({ length: laneCount }, (_, lane) => {
    const own = values.filter((_, id) => id % laneCount === lane);
    const broken = own.findIndex((value) => !Number.isFinite(value));
    const known = broken < 0 ? own : own.slice(0, broken);
    const most = known.reduce((a, b) => Math.max(a, b), lowest);
    return [most, broken < 0 ? known.reduce((sum, logit) => sum + Math.exp(logit - most), 0) : -1];
  });
  const isBroken = !values.every(Number.isFinite);
  const ids = values
    .map((_, id) => id)
    .sort((a, b) => (values[b] as number) - (values[a] as number))
    .slice(0, top);
  const most = values.reduce((a, b) => Math.max(a, b), lowest);
  const logSum = Math.log(values.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  const told = (id: number) => (isLast ? (values[id] as number) - most - logSum : (values[id] as number));
  if (isLast && isBroken) return { byLane, target: 0, ids: [], logprobs: [] };
  return { byLane, target: target < length ? told(target) : Number.NaN, ids, logprobs: ids.map(told) };
}

interface CaseOptions {
  /** Where the part begins; what came before it is there. Default: nothing did. */
  readonly start?: number;
  readonly length: number;
  /** Default: it is the last. */
  readonly goesOn?: boolean;
  readonly ties?: boolean;
}

function logSoftmaxCase(
  { start = 0, length, goesOn = false, ties = false }: CaseOptions,
  scorings: readonly RowScoring[],
): Case<Shape> {
  const stride = length + 3;
  const end = start + length;
  const tops = scorings.map(({ top }) => top).join(',');
  return {
    id: `${start > 0 ? `${start}–` : ''}${end}${goesOn ? '…' : ''} top ${tops}${ties ? ' ties' : ''}`,
    shape: { stride },
    tolerance: f32Tolerance,
    trial() {
      const rows = goesOn ? scorings : [...scorings, { target: 0, top: 2 }]; // the last one's logits are broken
      const random = new Random(end);
      const logits = random.normal(rows.length * end).map((value) => (ties ? Math.round(value) : 4 * value + 9));
      if (!goesOn) logits[rows.length * end - 1] = Number.NaN;
      const rowOf = (r: number) => logits.subarray(r * end, (r + 1) * end);
      const after = rows.map((row, r) => reference(rowOf(r), end, !goesOn, row));
      const before = rows.map((row, r) => reference(rowOf(r), start, false, row));
      const filled = (values: readonly number[], rest: number) => [
        ...values,
        ...Array(maxTop - values.length).fill(rest),
      ];
      const words = new Uint32Array(rows.length * scoringWords);
      rows.forEach((row, r) => {
        writeScoring(words, r, row);
      });
      const known = <T extends Float32Array | Uint32Array>(initial: T): Pick<Output, 'initial'> =>
        start > 0 ? { initial } : {};
      const floats = (values: readonly number[]) => known(Float32Array.from(values));
      const part = rows.flatMap((_, r) => Array.from(rowOf(r).subarray(start)));
      return {
        count: rows.length,
        inputs: {
          logits: padded(part, length, stride, 1e4),
          scorings: words,
          range: rangeWords(0, rows.length),
          part: partWords({ start, length, isLast: !goesOn }),
        },
        outputs: {
          lanes: {
            ...floats(before.flatMap(({ byLane }) => byLane.flat())),
            expected: after.flatMap(({ byLane }) => byLane.flat()),
            elements: elementsOf('f32', start > 0),
          },
          target_logprobs: {
            ...floats(before.map(({ target }) => target)),
            expected: after.map(({ target }) => target),
            elements: elementsOf('f32', start > 0),
          },
          top_ids: {
            ...known(Uint32Array.from(before.flatMap(({ ids }) => filled(ids, noToken)))),
            expected: after.flatMap(({ ids }) => filled(ids, noToken)),
            elements: elementsOf('u32', start > 0),
          },
          top_logprobs: {
            ...floats(before.flatMap(({ logprobs }) => filled(logprobs, 0))),
            expected: after.flatMap(({ logprobs }) => filled(logprobs, 0)),
            elements: elementsOf('f32', start > 0),
          },
        },
      };
    },
  };
}

/** How a buffer that held something before is read back. */
function elementsOf(type: 'f32' | 'u32', isKnown: boolean): Output['elements'] {
  if (!isKnown) return type;
  return (bytes) => (type === 'f32' ? new Float32Array(bytes) : new Uint32Array(bytes));
}

export const log_softmax: Kernel<Shape, object> = {
  name: 'log_softmax',

  variants: () => [{}],

  wgsl: () => wgsl`
override STRIDE: u32;
const NO_TOKEN = ${noToken}u;
const LANES = ${laneCount}u;
const MAX_TOP = ${maxTop}u;
const LOWEST = ${lowest};
${range}
${floatKeys}
${winner}
struct Scoring {
  target_id: u32,
  top: u32,
}
struct Part {
  start: u32,
  length: u32,
  is_last: u32,
}
var<uniform> part: Part;
var<storage, read> logits: array<f32>;
var<storage, read> scorings: array<Scoring>;
var<storage, read_write> lanes: array<vec2<f32>>;
var<storage, read_write> target_logprobs: array<f32>;
var<storage, read_write> top_ids: array<u32>;
var<storage, read_write> top_logprobs: array<f32>;

struct Likely {
  id: u32,
  logit: f32,
}
var<workgroup> states: array<vec2<f32>, LANES>;
var<workgroup> own_count: u32;
var<workgroup> own_best: array<Likely, MAX_TOP>; // of the part
var<workgroup> best: array<Likely, MAX_TOP>; // of all so far
var<workgroup> total: vec2<f32>; // the greatest logit of all, and the sum

// A lane's greatest logit and sum with one more.
fn joined(state: vec2<f32>, logit: f32) -> vec2<f32> {
  if (state.y < 0.0 || (bitcast<u32>(logit) & 0x7f800000u) == 0x7f800000u) { return vec2(state.x, -1.0); }
  if (state.y == 0.0) { return vec2(logit, 1.0); }
  if (logit > state.x) { return vec2(logit, state.y * exp(state.x - logit) + 1.0); }
  return vec2(state.x, state.y + exp(logit - state.x));
}

@compute @workgroup_size(${laneCount})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = range.start + group.x;
  let scoring = scorings[row];
  let start = row * STRIDE;
  let first = (lane + LANES - part.start % LANES) % LANES; // of the part's ids, the first that is the lane's
  var state = vec2(LOWEST, 0.0);
  if (part.start > 0u) { state = lanes[row * LANES + lane]; }
  var own_logit = LOWEST;
  var own_id = NO_TOKEN;
  for (var i = first; i < part.length; i += LANES) {
    let logit = logits[start + i];
    state = joined(state, logit);
    if (logit > own_logit || own_id == NO_TOKEN) {
      own_logit = logit;
      own_id = part.start + i;
    }
  }
  lanes[row * LANES + lane] = state;
  states[lane] = state;
  if (lane == 0u) {
    own_count = min(scoring.top, part.length);
    let target_place = scoring.target_id - part.start; // of one before the part it is huge
    if (target_place < part.length) { target_logprobs[row] = logits[start + target_place]; }
  }
  let count = workgroupUniformLoad(&own_count);

  var last_logit = 3.4e38;
  var last_id = 0u;
  for (var place = 0u; place < count; place++) {
    if (place > 0u) {
      // the best of those behind the last one: of a lower logit, or of the same and a higher id
      own_logit = LOWEST;
      own_id = NO_TOKEN;
      for (var i = first; i < part.length; i += LANES) {
        let logit = logits[start + i];
        let is_behind = logit < last_logit || (logit == last_logit && part.start + i > last_id);
        if (is_behind && (logit > own_logit || own_id == NO_TOKEN)) {
          own_logit = logit;
          own_id = part.start + i;
        }
      }
      workgroupBarrier(); // the winner before is known to all
      if (lane == 0u) {
        atomicStore(&best_key, 0u);
        atomicStore(&inverted_id, 0u);
      }
      workgroupBarrier();
    }
    if (own_id != NO_TOKEN) { offer(own_logit); }
    workgroupBarrier();
    if (own_id != NO_TOKEN) { claim(own_logit, own_id); }
    workgroupBarrier();
    last_logit = value_of(atomicLoad(&best_key));
    last_id = winner();
    if (lane == 0u) { own_best[place] = Likely(last_id, last_logit); }
  }

  if (lane == 0u) {
    // the best so far and those of the part in one list: of equals the ids so far are the lower ones
    let known = min(scoring.top, part.start);
    var a = 0u;
    var b = 0u;
    for (var place = 0u; place < min(scoring.top, known + count); place++) {
      let at = row * MAX_TOP + a;
      if (b == count || (a < known && top_logprobs[at] >= own_best[b].logit)) {
        best[place] = Likely(top_ids[at], top_logprobs[at]);
        a++;
      } else {
        best[place] = own_best[b];
        b++;
      }
    }
    total = vec2(LOWEST, 0.0);
    if (part.is_last != 0u) {
      for (var i = 0u; i < LANES; i++) {
        if (states[i].y != 0.0) { total.x = max(total.x, states[i].x); }
      }
      for (var i = 0u; i < LANES && total.y >= 0.0; i++) {
        let sum = states[i].y;
        if (sum < 0.0) { total.y = -1.0; } else if (sum > 0.0) { total.y += sum * exp(states[i].x - total.x); }
      }
      let logprob = (target_logprobs[row] - total.x) - log(total.y);
      target_logprobs[row] = select(logprob, 0.0, total.y < 0.0);
    }
  }
  workgroupBarrier();
  let told = select(min(scoring.top, part.start + part.length), 0u, total.y < 0.0);
  let log_sum = log(total.y);
  for (var place = lane; place < MAX_TOP; place += LANES) {
    let at = row * MAX_TOP + place;
    top_ids[at] = NO_TOKEN;
    top_logprobs[at] = 0.0;
    if (place < told) {
      top_ids[at] = best[place].id;
      top_logprobs[at] = best[place].logit;
      if (part.is_last != 0u) { top_logprobs[at] = (best[place].logit - total.x) - log_sum; }
    }
  }
}
`,

  overrides: ({ stride }) => ({ STRIDE: stride }),

  workgroups: (_shape, _variant, count) => [count, 1, 1],
};

export const logSoftmaxChecks = (): Checks<Shape> => ({
  cost: ({ stride }, count) => ({ bytes: count * stride * 4, flops: count * stride * 20 }),

  cases: [
    logSoftmaxCase({ length: 7 }, [{ target: 3, top: maxTop }]), // more than there are
    logSoftmaxCase({ length: 515, ties: true }, [
      { target: 514, top: 0 },
      { target: 0, top: 1 },
      { target: 7, top: 10 },
    ]),
    logSoftmaxCase({ length: 2001 }, [
      { target: 1999, top: 1 },
      { target: 5, top: maxTop },
    ]),
    logSoftmaxCase({ length: 70, goesOn: true }, [
      { target: 69, top: 1 },
      { target: 2, top: 10 },
    ]),
    logSoftmaxCase({ start: 5, length: 30, goesOn: true, ties: true }, [
      { target: 4, top: 10 },
      { target: 6, top: maxTop },
    ]),
    logSoftmaxCase({ start: 128, length: 387, ties: true }, [
      { target: 127, top: 5 },
      { target: 128, top: 1 },
      { target: 514, top: maxTop },
    ]),
  ],

  benches: [
    logSoftmaxCase({ length: 256_000 }, [{ target: 9, top: 1 }]),
    logSoftmaxCase({ length: 256_000 }, Array(32).fill({ target: 9, top: 1 })),
  ],
});
