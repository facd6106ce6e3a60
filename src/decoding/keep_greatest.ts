import { type Candidates, keepMarked, maximum } from './candidates.ts';

/** Keys are put into so many equal ranges first: what is left to look at closely is a few hundredths of them. */
const rangeCount = 1024;

/**
 * The fewest candidates, those of the greatest keys first, whose weights add up to `target`; at least one. Among equal
 * keys the lowest id goes first. Top-k, top-p and typical are this with keys and weights of their own. Time is linear
 * in the candidates, but for those that share the range of keys where the target is reached, which are sorted.
 */
export function keepGreatest(
  candidates: Candidates,
  keys: Float64Array,
  weights: Float64Array,
  target: number,
): Candidates {
  const atLeastOne = Math.max(target, Number.MIN_VALUE);
  const { ranges, sums } = sumRanges(keys, weights);
  let left = atLeastOne;
  let last = 0; // the range where the target is reached
  while (last < rangeCount - 1 && (sums[last] as number) < left) left -= sums[last++] as number;

  const isKept = new Uint8Array(keys.length);
  const unclear: number[] = [];
  for (let i = 0; i < keys.length; i++) {
    const range = ranges[i] as number;
    if (range < last) isKept[i] = 1;
    else if (range === last) unclear.push(i);
  }
  unclear.sort((a, b) => (keys[b] as number) - (keys[a] as number)); // stable: of equals the lowest id first
  for (let i = 0; i < unclear.length && left > 0; i++) {
    const place = unclear[i] as number;
    isKept[place] = 1;
    left -= weights[place] as number;
  }
  return keepMarked(candidates, isKept);
}

/** Each key's range, 0 that of the greatest, and the weights of each range together. */
function sumRanges(keys: Float64Array, weights: Float64Array): { ranges: Uint16Array; sums: Float64Array } {
  const highest = maximum(keys);
  let lowest = highest;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    if (key < lowest && key !== Number.NEGATIVE_INFINITY) lowest = key;
  }
  const scale = highest > lowest ? (rangeCount - 1) / (highest - lowest) : 0;
  const ranges = new Uint16Array(keys.length);
  const sums = new Float64Array(rangeCount);
  for (let i = 0; i < keys.length; i++) {
    const range = Math.min((highest - (keys[i] as number)) * scale, rangeCount - 1) | 0;
    ranges[i] = range;
    sums[range] = (sums[range] as number) + (weights[i] as number);
  }
  return { ranges, sums };
}
