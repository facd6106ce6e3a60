/** A match: how many tokens before the end are alike there, and what followed. */
export interface Match {
  readonly length: number;
  readonly ids: readonly number[];
}

/** Matches of so many tokens are as good as longer ones. */
const longestMatch = 32;
/** Earlier places that are compared, the latest first. */
const maxPlaces = 16;
/** Above every id: two of them make one exact number. */
const idLimit = 2 ** 26;

/** Finds where the last tokens of a text stood before in it: what followed there may follow again. */
export class PromptLookup {
  readonly #tokens: readonly number[];
  /** Where each pair of tokens ended last. */
  readonly #latest = new Map<number, number>();
  /** By position: where the pair that ends there ended before; -1 is nowhere. */
  readonly #earlier: number[] = [-1];

  /** `tokens` may grow later, and never changes otherwise. */
  constructor(tokens: readonly number[]) {
    this.#tokens = tokens;
  }

  /** The longest match of two tokens or more, the latest of equals, and `count` tokens behind it. */
  find(count: number): Match | undefined {
    this.#index();
    let [best, length] = [-1, 1];
    let place = this.#earlier[this.#tokens.length - 1] ?? -1;
    for (let tried = 0; place > 0 && tried < maxPlaces && length < longestMatch; tried++) {
      const matched = this.#matchedLength(place);
      if (matched > length) [best, length] = [place, matched];
      place = this.#earlier[place] as number;
    }
    return best < 0 ? undefined : { length, ids: this.#copied(best + 1, count) };
  }

  /** Takes in the tokens that have come since. */
  #index(): void {
    const tokens = this.#tokens;
    for (let position = Math.max(1, this.#earlier.length); position < tokens.length; position++) {
      const pair = (tokens[position - 1] as number) * idLimit + (tokens[position] as number);
      this.#earlier[position] = this.#latest.get(pair) ?? -1;
      this.#latest.set(pair, position);
    }
  }

  /** Tokens up to `place` that are like those at the end. */
  #matchedLength(place: number): number {
    const last = this.#tokens.length - 1;
    let length = 0;
    while (length < longestMatch && length <= place && this.#tokens[place - length] === this.#tokens[last - length])
      length++;
    return length;
  }

  /** `count` tokens from `start` on; beyond the end it goes on with what it has copied, as what repeats does. */
  #copied(start: number, count: number): number[] {
    const { length } = this.#tokens;
    const ids: number[] = [];
    for (let from = start; ids.length < count; from++) {
      ids.push((from < length ? this.#tokens[from] : ids[from - length]) as number);
    }
    return ids;
  }
}
