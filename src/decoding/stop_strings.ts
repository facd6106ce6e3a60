/**
 * Ends a text before the first stop string that it completes, whatever the pieces it comes in. What might be the
 * beginning of one is held back until it is clear.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  /** Throws `RangeError` for an empty stop string, which every text would contain. */
  constructor(stops: readonly string[] = []) {
    if (stops.includes('')) throw new RangeError('stop takes strings that are not empty');
    this.#stops = stops;
  }

  /** The text that is now clear; `found` where it ends because a stop string follows, and nothing more may come. */
  push(piece: string): { text: string; found: boolean } {
    const text = this.#held + piece;
    const start = this.#firstStop(text);
    const end = start ?? text.length - this.#unclearLength(text);
    this.#held = start === undefined ? text.slice(end) : '';
    return { text: text.slice(0, end), found: start !== undefined };
  }

  /** What was held back; no stop string came of it. */
  end(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** Where the stop string begins that is complete first, as if the text came by characters; of several the longest. */
  #firstStop(text: string): number | undefined {
    const found = this.#stops
      .map((stop) => ({ start: text.indexOf(stop), end: text.indexOf(stop) + stop.length }))
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.end - b.end || a.start - b.start);
    return found[0]?.start;
  }

  /** Length of the longest end of `text` that a stop string begins with. */
  #unclearLength(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(text.length - length);
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(end))) return length;
    }
    return 0;
  }
}
