/** What the model says of the tokens of a prompt: natural logarithms of probabilities, over the whole vocabulary, in float64. */

export interface TokenProbability {
  readonly id: number;
  readonly logprob: number;
}

/** A token where it stands, and the most likely ones in its place, best first. */
export interface ScoredToken extends TokenProbability {
  readonly top: readonly TokenProbability[];
}

export interface Score {
  /** Of each token but the first, which nothing precedes. */
  readonly prompt: readonly ScoredToken[];
  /** The most likely token after the last. */
  readonly next: ScoredToken;
}

/** `rows`: logits, some at a time, [rows, vocabLength]; row r is what follows token r. `topCount` is at least 1. */
export async function score(
  rows: AsyncIterable<Float32Array>,
  tokens: readonly number[],
  vocabLength: number,
  topCount: number,
): Promise<Score> {
  const prompt: ScoredToken[] = [];
  for await (const some of rows) {
    for (let start = 0; start < some.length; start += vocabLength) {
      const row = some.subarray(start, start + vocabLength);
      const target = tokens[prompt.length + 1];
      const top = greatest(row, topCount);
      const logSum = logSumOfExps(row);
      const scored = (id: number) => ({ id, logprob: (row[id] as number) - logSum });
      const likely = top.map(scored);
      const token = target === undefined ? (likely[0] as TokenProbability) : scored(target);
      if (target === undefined) return { prompt, next: { ...token, top: likely } };
      prompt.push({ ...token, top: likely });
    }
  }
  throw new Error('rows ended before the tokens did');
}

/** The natural logarithm of the sum of all e^logit. */
function logSumOfExps(logits: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > most) most = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return most + Math.log(sum);
}

/** Ids of the `count` greatest logits, greatest first; of equals the lowest first. */
function greatest(logits: Float32Array, count: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (ids.length === count && logit <= (logits[ids[count - 1] as number] as number)) continue;
    let place = ids.length;
    while (place > 0 && logit > (logits[ids[place - 1] as number] as number)) place--;
    ids.splice(place, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
