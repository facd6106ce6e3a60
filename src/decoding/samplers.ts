/** The samplers one by one: each takes candidates and gives those that remain, with their logits. */
import { maxNoise, noiseOf } from '../../kernels/parts/sampling.ts';
import { type Candidates, keepMarked, maximum, placeOf, softmax } from './candidates.ts';
import { keepGreatest } from './keep_greatest.ts';
import type { Sampling } from './sampling_options.ts';

type Penalties = Pick<Sampling, 'repeatPenalty' | 'frequencyPenalty' | 'presencePenalty'>;

/** Those whose bit is set in a grammar's mask. */
export function allowed(candidates: Candidates, mask: Uint32Array | undefined): Candidates {
  if (!mask) return candidates;
  return keepMarked(
    candidates,
    Uint8Array.from(candidates.ids, (id) => ((mask[id >>> 5] as number) >>> (id & 31)) & 1),
  );
}

/** logit + bias of its token. */
export function logitBias(candidates: Candidates, biases: ReadonlyMap<number, number>): Candidates {
  return changed(candidates, biases, (logit, bias) => logit + bias);
}

/** Lowers the logits of recent tokens; `counts` says how often each stands among them. */
export function penalties(
  candidates: Candidates,
  counts: ReadonlyMap<number, number>,
  { repeatPenalty, frequencyPenalty, presencePenalty }: Penalties,
): Candidates {
  if (repeatPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0) return candidates;
  return changed(candidates, counts, (logit, count) => {
    const repeated = logit > 0 ? logit / repeatPenalty : logit * repeatPenalty;
    return repeated - count * frequencyPenalty - presencePenalty;
  });
}

/** The k most likely; 0 is all. */
export function topK(candidates: Candidates, k: number): Candidates {
  const { logits } = candidates;
  if (k === 0 || k >= logits.length) return candidates;
  return keepGreatest(candidates, logits, new Float64Array(logits.length).fill(1), k);
}

/**
 * The fewest whose probabilities add up to p, those first whose surprise, −ln(probability), is nearest to its mean, the
 * entropy. Surprises and logits differ by a constant, so that the nearest to the mean logit are the same.
 */
export function typicalP(candidates: Candidates, p: number): Candidates {
  if (p >= 1) return candidates;
  const { logits } = candidates;
  const { weights, sum } = softmax(logits);
  let mean = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight > 0) mean += (weight / sum) * (logits[i] as number); // 0 · ∞ is no part of it
  }
  const keys = new Float64Array(logits.length);
  for (let i = 0; i < keys.length; i++) keys[i] = -Math.abs((logits[i] as number) - mean);
  return keepGreatest(candidates, keys, weights, p * sum);
}

/** The fewest most likely whose probabilities add up to p. */
export function topP(candidates: Candidates, p: number): Candidates {
  if (p >= 1) return candidates;
  const { weights, sum } = softmax(candidates.logits);
  return keepGreatest(candidates, candidates.logits, weights, p * sum);
}

/** Those whose probability is at least p times the highest. */
export function minP({ ids, logits }: Candidates, p: number): Candidates {
  if (p === 0) return { ids, logits };
  const lowest = maximum(logits) + Math.log(p);
  const isKept = new Uint8Array(logits.length);
  for (let i = 0; i < isKept.length; i++) isKept[i] = (logits[i] as number) >= lowest ? 1 : 0;
  return keepMarked({ ids, logits }, isKept);
}

/** (logit − highest) / t; the most likely alone, of equals the lowest id, where t is 0. */
export function temperature({ ids, logits }: Candidates, t: number): Candidates {
  const highest = maximum(logits);
  if (t === 0) {
    const best = logits.indexOf(highest);
    return { ids: ids.slice(best, best + 1), logits: logits.slice(best, best + 1) };
  }
  const divided = new Float64Array(logits.length);
  for (let i = 0; i < divided.length; i++) divided[i] = ((logits[i] as number) - highest) / t;
  return { ids, logits: divided };
}

/** The candidate of the greatest logit + noise: each comes out with its softmax probability. */
export function draw({ ids, logits }: Candidates, seed: number, counter: number): number {
  let best = 0;
  let score = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < ids.length; i++) {
    const logit = logits[i] as number;
    if (logit + maxNoise <= score) continue; // most are hopeless, and noise is dear
    const own = logit + noiseOf(seed, counter, ids[i] as number);
    if (own <= score) continue;
    [best, score] = [i, own];
  }
  return ids[best] as number;
}

function changed(
  { ids, logits }: Candidates,
  values: ReadonlyMap<number, number>,
  change: (logit: number, value: number) => number,
): Candidates {
  if (values.size === 0) return { ids, logits };
  const after = logits.slice();
  for (const [id, value] of values) {
    const place = placeOf(ids, id);
    if (place >= 0) after[place] = change(logits[place] as number, value);
  }
  return { ids, logits: after };
}
