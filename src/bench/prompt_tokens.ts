/**
 * A prompt of `length` tokens for measurements, of a vocabulary of `vocabLength`: ordinary tokens. Another `turn` is
 * another prompt from its first token on, so that no engine has it in its cache.
 */
export function promptTokens(length: number, turn = 0, vocabLength = 32_000): number[] {
  const first = Math.min(300, vocabLength >> 1); // behind bytes and control tokens
  return Array.from({ length }, (_, i) => first + (((i + 1) * 7919 + turn * 104_729) % (vocabLength - first)));
}
