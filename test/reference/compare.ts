/** Two measures of how far logits are from the expected ones. */
type Rows = readonly ArrayLike<number>[];

export interface Difference {
  /** Largest absolute difference. */
  readonly largest: number;
  /** Normalised mean squared error: Σ(actual − expected)² / Σ expected². */
  readonly nmse: number;
}

/** Throws where the shapes differ; a NaN anywhere makes both measures NaN. */
export function compareLogits(actual: Rows, expected: Rows): Difference {
  if (actual.length !== expected.length) throw new Error(`${actual.length} rows, not ${expected.length}`);
  let [largest, squaredError, squared] = [0, 0, 0];
  for (const [r, row] of expected.entries()) {
    if (actual[r]!.length !== row.length)
      throw new Error(`row ${r} has ${actual[r]!.length} logits, not ${row.length}`);
    for (let i = 0; i < row.length; i++) {
      const difference = Math.abs(actual[r]![i]! - row[i]!);
      largest = Math.max(largest, difference);
      squaredError += difference ** 2;
      squared += row[i]! ** 2;
    }
  }
  return { largest, nmse: squaredError / squared };
}

/** The index of the largest, the lowest one of equals. */
export function argmax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}
