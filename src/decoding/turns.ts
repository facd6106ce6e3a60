/** So many may work at once; the others wait, first come, first served. */
export class Turns {
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  get isAnyFree(): boolean {
    return this.#free > 0;
  }

  /** Resolves when it is the caller's turn, who then gives it back; rejects with the signal's reason if that comes first. */
  async take(signal?: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    signal?.throwIfAborted();
    const turn = Promise.withResolvers<void>();
    const abort = () => {
      const place = this.#waiting.indexOf(turn);
      if (place < 0) return; // it has just come: the caller gives it back
      this.#waiting.splice(place, 1);
      turn.reject(signal?.reason);
    };
    this.#waiting.push(turn);
    signal?.addEventListener('abort', abort, { once: true });
    await turn.promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** Gives a turn to who has waited longest. */
  give(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#free++;
  }

  /** Whoever waits hears why it waits in vain. */
  close(reason: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
