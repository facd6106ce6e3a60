/**
 * sample_filter: rules out the tokens of a row that top-k, typical-p, top-p and min-p do not keep, in this order, each
 * from what the one before has left. Probabilities are those at temperature 1.
 *
 *   candidates [rows, STRIDE], LENGTH of them, in place: RULED_OUT where a token goes      samplings   [rows]
 *   dispatch   x: a workgroup per row; rows without filters are left as they are
 *
 * Top-k, typical-p and top-p keep the greatest by some key (the logit, or the nearness to the expected one) until their
 * counts or weights reach a target, the lowest id first among equals. The last one kept is found digit by digit: a
 * histogram of 256 bins per byte of the key, then of the id. Weights are summed as whole numbers of 2^-40, so that the
 * order of invocations does not matter.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { padded, Random } from './case_data.ts';
import { range } from './parts/range.ts';
import { floatKeys, type RowSampling, samplingTable } from './parts/sampling.ts';
import { caseRows } from './sample_cases.ts';

export interface Shape {
  /** Of the vocabulary. */
  readonly length: number;
  readonly stride: number;
}

export type Variant = Record<never, never>;

/** As many as a histogram has bins. */
const invocations = 256;

/** The ids of a row that are kept, ascending. */
export function reference(logits: ArrayLike<number>, { topK, typicalP, topP, minP }: RowSampling): number[] {
  const logit = (id: number) => logits[id] as number;
  const weight = (id: number) => Math.exp(logit(id));
  const sum = (ids: readonly number[], value: (id: number) => number) => ids.reduce((s, id) => s + value(id), 0);
  let kept = Array.from(logits, (_, id) => id);
  if (topK > 0) kept = greatest(kept, logit, () => 1, topK);
  if (typicalP < 1) {
    const mean = sum(kept, (id) => weight(id) * logit(id)) / sum(kept, weight);
    kept = greatest(kept, (id) => -Math.abs(logit(id) - mean), weight, typicalP * sum(kept, weight));
  }
  if (topP < 1) kept = greatest(kept, logit, weight, topP * sum(kept, weight));
  const lowest = Math.max(...kept.map(logit)) + Math.log(minP);
  return kept.filter((id) => logit(id) >= lowest);
}

/** The fewest of `ids`, those of the greatest keys first, whose weights reach `target`; at least one. */
function greatest(
  ids: readonly number[],
  key: (id: number) => number,
  weight: (id: number) => number,
  target: number,
): number[] {
  const best = [...ids].sort((a, b) => key(b) - key(a) || a - b);
  let left = target;
  const end = best.findIndex((id) => (left -= weight(id)) <= 0);
  return best.slice(0, end < 0 ? best.length : end + 1).sort((a, b) => a - b);
}

function sampleFilterCase(length: number, ties: boolean): Case<Shape> {
  const stride = length + 3;
  return {
    id: `${length}${ties ? ' ties' : ''}`,
    shape: { length, stride },
    trial() {
      const said: Partial<RowSampling>[] = [
        { topK: 3 },
        { topK: length },
        { topP: 0.5 },
        { topP: 0 },
        { typicalP: 0.4 },
        { minP: 0.1 },
        {},
        { topK: 40, typicalP: 0.8, topP: 0.7, minP: 0.3 },
      ];
      const { rows, tables } = caseRows(said.map((row) => ({ ...row, filters: Object.keys(row).length > 0 })));
      const random = new Random(length + 1);
      const logits = random.normal(rows.length * length).map((value) => (ties ? Math.round(2 * value) : 2 * value + 5));
      const expected = padded(logits, length, stride, 100);
      rows.forEach((sampling, r) => {
        const kept = new Set(reference(logits.subarray(r * length, (r + 1) * length), sampling));
        for (let id = 0; id < length; id++) if (sampling.filters && !kept.has(id)) expected[r * stride + id] = -1e30;
      });
      return {
        count: rows.length,
        inputs: tables,
        outputs: { candidates: { initial: padded(logits, length, stride, 100), expected, elements: 'f32' } },
      };
    },
  };
}

export const sample_filter: Kernel<Shape, Variant> = {
  name: 'sample_filter',

  variants: () => [{}],

  wgsl: () => wgsl`
override LENGTH: u32;
override STRIDE: u32;
${range}
${samplingTable}
${floatKeys}
var<storage, read_write> candidates: array<f32>;

// Filters that keep the greatest, in their order.
const TOP_K = 0u;
const TYPICAL_P = 1u;
const TOP_P = 2u;

// A token's place in an order: a greater key, or an equal one and a lower id, stands before.
struct Rank {
  key: u32,
  id: u32,
}

var<workgroup> bins: array<atomic<u32>, ${invocations}>;
var<workgroup> bins_low: array<atomic<u32>, ${invocations}>; // their weights, in 2^-40
var<workgroup> bins_high: array<atomic<u32>, ${invocations}>;
var<workgroup> highest_key: atomic<u32>;
var<workgroup> left_key: atomic<u32>;
var<workgroup> last: Rank; // the digits that are known of the last token kept, zeros behind them
var<workgroup> target_low: u32; // what is still to be kept, behind the tokens of greater digits
var<workgroup> target_high: u32;
var<workgroup> is_found: u32;

fn is_kept(key: u32, id: u32, end: Rank) -> bool { return key > end.key || (key == end.key && id <= end.id); }

fn weight(logit: f32, highest: f32) -> f32 { return exp(max(logit - highest, -87.0)); }

fn clear_bins(lane: u32) {
  atomicStore(&bins[lane], 0u);
  atomicStore(&bins_low[lane], 0u);
  atomicStore(&bins_high[lane], 0u);
}

fn add_weight(bin: u32, value: f32) {
  let scaled = value * 256.0;
  let low = u32(fract(scaled) * 4294967296.0);
  let before = atomicAdd(&bins_low[bin], low);
  atomicAdd(&bins_high[bin], u32(scaled) + select(0u, 1u, before + low < before));
}

// In units of 2^-8.
fn weight_of(bin: u32) -> f32 {
  return f32(atomicLoad(&bins_high[bin])) + f32(atomicLoad(&bins_low[bin])) * ${2 ** -32};
}

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = range.start + group.x;
  let sampling = samplings[row];
  if (sampling.is_sampled == 0u || (sampling.changes & 2u) == 0u) { return; }
  let start = row * STRIDE;

  var own_highest = RULED_OUT;
  for (var id = lane; id < not_constant(LENGTH); id += ${invocations}u) {
    own_highest = max(own_highest, candidates[start + id]);
  }
  atomicMax(&highest_key, key_of(own_highest));
  workgroupBarrier();
  let highest = value_of(atomicLoad(&highest_key));

  for (var filter_by = TOP_K; filter_by <= TOP_P; filter_by++) {
    var p = sampling.top_p;
    if (filter_by == TYPICAL_P) { p = sampling.typical_p; }
    let counts_tokens = filter_by == TOP_K;
    if (select(p >= 1.0, sampling.top_k == 0u || sampling.top_k >= LENGTH, counts_tokens)) { continue; }

    var mean = 0.0; // of logits, below the highest: what typical-p measures from
    if (filter_by == TYPICAL_P) {
      clear_bins(lane);
      workgroupBarrier();
      for (var id = lane; id < not_constant(LENGTH); id += ${invocations}u) {
        let logit = candidates[start + id];
        if (logit <= RULED_OUT) { continue; }
        let own = weight(logit, highest);
        add_weight(0u, own);
        add_weight(1u, own * (highest - logit)); // at most 1/e
      }
      workgroupBarrier();
      mean = weight_of(1u) / weight_of(0u);
      workgroupBarrier();
    }

    if (lane == 0u) {
      last = Rank(0u, 0u);
      target_low = sampling.top_k;
      target_high = 0u;
      is_found = 0u;
    }
    for (var digit = 0u; digit < 8u; digit++) { // four of the key, four of the inverted id
      clear_bins(lane);
      workgroupBarrier();

      let shift = 24u - 8u * (digit % 4u);
      let known = select(0xffffffffu << (shift + 8u), 0u, digit % 4u == 0u);
      for (var id = lane; id < not_constant(LENGTH); id += ${invocations}u) {
        let logit = candidates[start + id];
        if (logit <= RULED_OUT) { continue; }
        var key = key_of(logit);
        if (filter_by == TYPICAL_P) { key = ~bitcast<u32>(abs((highest - logit) - mean)); }
        let word = select(key, ~id, digit >= 4u);
        if (digit >= 4u && key != last.key) { continue; }
        if (((word ^ select(last.key, last.id, digit >= 4u)) & known) != 0u) { continue; }
        let bin = (word >> shift) & 255u;
        atomicAdd(&bins[bin], 1u);
        if (!counts_tokens) { add_weight(bin, weight(logit, highest)); }
      }
      workgroupBarrier();

      if (lane == 0u) { follow(digit, shift, counts_tokens, p); }
      if (workgroupUniformLoad(&is_found) != 0u) { break; }
    }

    let end = Rank(last.key, ~last.id);
    for (var id = lane; id < not_constant(LENGTH); id += ${invocations}u) {
      let logit = candidates[start + id];
      var key = key_of(logit);
      if (filter_by == TYPICAL_P) { key = ~bitcast<u32>(abs((highest - logit) - mean)); }
      if (!is_kept(key, id, end)) { candidates[start + id] = RULED_OUT; }
    }
    workgroupBarrier();
  }

  if (sampling.min_p > 0.0) {
    var own_left = RULED_OUT;
    for (var id = lane; id < not_constant(LENGTH); id += ${invocations}u) {
      own_left = max(own_left, candidates[start + id]);
    }
    atomicMax(&left_key, key_of(own_left));
    workgroupBarrier();
    let lowest = value_of(atomicLoad(&left_key)) + log(sampling.min_p);
    for (var id = lane; id < not_constant(LENGTH); id += ${invocations}u) {
      if (candidates[start + id] < lowest) { candidates[start + id] = RULED_OUT; }
    }
  }
}

// Finds the bin in which the target is reached: the next digit of the last token kept. Found is all where everything of
// that bin is kept, or it holds one token only.
fn follow(digit: u32, shift: u32, counts_tokens: bool, p: f32) {
  if (digit == 0u && !counts_tokens) { aim(p); }
  for (var i = 0u; i < ${invocations}u; i++) {
    let bin = 255u - i;
    let tokens = atomicLoad(&bins[bin]);
    if (tokens == 0u) { continue; }
    let low = select(atomicLoad(&bins_low[bin]), tokens, counts_tokens);
    let high = atomicLoad(&bins_high[bin]);
    let is_reached = high > target_high || (high == target_high && low >= target_low);
    if (is_reached || is_lowest(bin)) {
      if (digit < 4u) { last.key |= bin << shift; } else { last.id |= bin << shift; }
      let is_whole = !is_reached || (high == target_high && low == target_low);
      is_found = select(0u, 1u, is_whole || tokens == 1u);
      return;
    }
    target_high -= high + select(0u, 1u, target_low < low);
    target_low -= low;
  }
}

// Rounding may put the target a crumb behind everything: then everything is kept.
fn is_lowest(bin: u32) -> bool {
  for (var below = 0u; below < bin; below++) {
    if (atomicLoad(&bins[below]) > 0u) { return false; }
  }
  return true;
}

// The target: p of all weights, at least one unit.
fn aim(p: f32) {
  var total = 0.0;
  for (var bin = 0u; bin < ${invocations}u; bin++) {
    total += weight_of(bin);
  }
  let goal = p * total;
  target_high = u32(goal);
  target_low = u32(fract(goal) * 4294967296.0);
  if (target_high == 0u && target_low == 0u) { target_low = 1u; }
}
`,

  overrides: ({ length, stride }) => ({ LENGTH: length, STRIDE: stride }),

  workgroups: (_shape, _variant, count) => [count, 1, 1],
};

export const sampleFilterChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 4 * 7, flops: count * length * 20 }),
  cases: [sampleFilterCase(7, false), sampleFilterCase(513, true), sampleFilterCase(32_001, false)],
  benches: [sampleFilterCase(256_000, false)],
});
