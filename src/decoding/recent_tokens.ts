/** How often each token stands among the last `length`; -1 is all of them. */
export class RecentTokens {
  readonly counts = new Map<number, number>();
  readonly #length: number;
  /** The last ones, oldest first; empty where all are counted. */
  readonly tokens: number[] = [];

  constructor(length: number) {
    this.#length = length < 0 ? Number.POSITIVE_INFINITY : length;
  }

  push(token: number): void {
    if (this.#length === 0) return;
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
    if (this.#length === Number.POSITIVE_INFINITY) return;
    this.tokens.push(token);
    if (this.tokens.length > this.#length) this.#forget(this.tokens.shift() as number);
  }

  #forget(token: number): void {
    const count = (this.counts.get(token) as number) - 1;
    if (count === 0) this.counts.delete(token);
    else this.counts.set(token, count);
  }
}
