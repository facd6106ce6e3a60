import { allIds, maximum, softmax } from './candidates.ts';
import { topK } from './samplers.ts';

export interface Logprob {
  readonly id: number;
  /** Natural logarithm of the probability. */
  readonly logprob: number;
}

/**
 * The log-probability of token `id` over the whole vocabulary, at temperature 1 and before any sampler, and those of
 * the `count` most likely tokens, best first, which may include it. `logits` are [vocabLength].
 */
export function logprobsOf(logits: Float32Array, id: number, count: number): { logprob: number; best: Logprob[] } {
  const all = new Float64Array(logits);
  const logSum = maximum(all) + Math.log(softmax(all).sum);
  const logprob = (token: number) => (all[token] as number) - logSum;
  return {
    logprob: logprob(id),
    best: bestTokens(all, count).map((token) => ({ id: token, logprob: logprob(token) })),
  };
}

function bestTokens(logits: Float64Array, count: number): number[] {
  if (count === 0) return [];
  const { ids } = topK({ ids: allIds(logits.length), logits }, count);
  return [...ids].sort((a, b) => (logits[b] as number) - (logits[a] as number)); // stable: of equals the lowest id
}
