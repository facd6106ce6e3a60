/** Tokens that may come next, ascending by id, and their logits. Samplers make new ones and change none. */
export interface Candidates {
  readonly ids: Uint32Array;
  readonly logits: Float64Array;
}

/** exp(logit − highest), and their sum: probabilities that are not yet divided, so that nobody overflows. */
export function softmax(logits: Float64Array): { weights: Float64Array; sum: number } {
  const highest = maximum(logits);
  const weights = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const weight = Math.exp((logits[i] as number) - highest);
    weights[i] = weight;
    sum += weight;
  }
  return { weights, sum };
}

/** The greatest value; NaN where there is one. */
export function maximum(values: Float32Array | Float64Array): number {
  // Two chains: each maximum waits for the one before it, and 256,000 waits are a good part of a millisecond.
  let [even, odd] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const last = values.length - 1;
  for (let i = 0; i < last; i += 2) {
    even = Math.max(even, values[i] as number);
    odd = Math.max(odd, values[i + 1] as number);
  }
  return Math.max(even, odd, last >= 0 ? (values[last] as number) : even);
}

/** 0, 1, 2, …: the ids of a whole vocabulary. */
export function allIds(vocabLength: number): Uint32Array {
  const ids = new Uint32Array(vocabLength);
  for (let id = 0; id < vocabLength; id++) ids[id] = id;
  return ids;
}

/** The candidates whose `isKept` is 1. */
export function keepMarked({ ids, logits }: Candidates, isKept: Uint8Array): Candidates {
  let count = 0;
  for (let i = 0; i < isKept.length; i++) count += isKept[i] as number;
  const kept = { ids: new Uint32Array(count), logits: new Float64Array(count) };
  for (let i = 0, place = 0; i < isKept.length; i++) {
    if (isKept[i] === 0) continue;
    kept.ids[place] = ids[i] as number;
    kept.logits[place++] = logits[i] as number;
  }
  return kept;
}

/** Where `id` stands, or -1. */
export function placeOf(ids: Uint32Array, id: number): number {
  let first = 0;
  let last = ids.length - 1;
  while (first <= last) {
    const middle = (first + last) >>> 1;
    const found = ids[middle] as number;
    if (found === id) return middle;
    if (found < id) first = middle + 1;
    else last = middle - 1;
  }
  return -1;
}
