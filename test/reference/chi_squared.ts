/** Pearson's test: how likely counts are, if they come from a distribution. */

/** Expected counts below this are put together: the test's approximation does not hold for them. */
const leastExpected = 5;

/** The p-value of `counts` under `probabilities`, by the normal approximation of Wilson and Hilferty. */
export function chiSquared(counts: ArrayLike<number>, probabilities: ArrayLike<number>): number {
  const total = Array.from(counts).reduce((a, b) => a + b, 0);
  let [statistic, bins, rareCount, rareExpected] = [0, 0, 0, 0];
  const add = (count: number, expected: number) => {
    statistic += (count - expected) ** 2 / expected;
    bins++;
  };
  for (let i = 0; i < counts.length; i++) {
    const expected = total * (probabilities[i] as number);
    if (expected >= leastExpected) add(counts[i] as number, expected);
    else {
      rareCount += counts[i] as number;
      rareExpected += expected;
    }
  }
  if (rareExpected >= leastExpected) add(rareCount, rareExpected);
  const freedom = bins - 1;
  if (freedom === 0) return 1;
  const spread = 2 / (9 * freedom);
  return 1 - normal((Math.cbrt(statistic / freedom) - (1 - spread)) / Math.sqrt(spread));
}

/** The lowest p-value that `tests` tests may give: together they fail by chance once in a thousand times. */
export const leastOf = (tests: number) => 0.001 / tests;

/** Φ(z), by numeric integration of the density: plain, and right to 1e-9. */
function normal(z: number): number {
  const from = -12;
  const steps = 20_000;
  const width = (z - from) / steps;
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += Math.exp(-((from + (i + 0.5) * width) ** 2) / 2);
  return Math.min(1, (sum * width) / Math.sqrt(2 * Math.PI));
}
