/** Hidden states of tokens, some rows at a time, to one vector. */

/** The mean of all rows, [length]; rows are [rows, length]. */
export async function meanOf(parts: AsyncIterable<Float32Array>, length: number): Promise<Float32Array> {
  const sums = new Float64Array(length);
  let count = 0;
  for await (const rows of parts) {
    rows.forEach((value, i) => {
      sums[i % length] = (sums[i % length] as number) + value;
    });
    count += rows.length / length;
  }
  return Float32Array.from(sums, (sum) => sum / count);
}

/** The vector at length 1; one of zeros stays. */
export function normalized(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : vector;
}
