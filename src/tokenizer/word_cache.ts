/** What words encode to, so that those seen before are not merged again. */
const CACHED_WORDS = 16_384;
/** In UTF-16 units; longer words are rarely seen twice. */
const CACHED_WORD_LENGTH = 32;

export class WordCache {
  readonly #words = new Map<string, readonly number[]>();

  /** Appends the tokens of `word`, found here or by `encode`, which appends them too. */
  append(word: string, tokens: number[], encode: (word: string, tokens: number[]) => void): void {
    if (word === '') return;
    const cached = this.#words.get(word);
    if (cached) {
      for (const token of cached) tokens.push(token);
      return;
    }
    const before = tokens.length;
    encode(word, tokens);
    if (word.length > CACHED_WORD_LENGTH) return;
    if (this.#words.size === CACHED_WORDS) this.#words.clear();
    this.#words.set(word, tokens.slice(before));
  }
}
