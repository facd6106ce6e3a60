/** A prompt of `length` tokens for measurements: BOS, then ordinary tokens of a vocabulary of 32,000. */
export function promptTokens(length: number): number[] {
  return Array.from({ length }, (_, i) => (i === 0 ? 1 : 300 + ((i * 7919) % 31_000)));
}
