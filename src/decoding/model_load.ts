/** What a model is at. */
export interface ModelLoad {
  /** Bytes of GPU memory that keys and values take at present. */
  readonly kvBytes: number;
  /** Positions whose keys and values are held, in whole pages. */
  readonly kvPositions: number;
  /** A pass of late, in seconds: the mean of about sixteen; 0 before the first. */
  readonly passSeconds: number;
  /** Each of those that are generated or read at once, from 0 on. */
  readonly sequences: readonly SequenceLoad[];
  /** Bytes of weights that have come so far, where some are streamed. */
  readonly streamedBytes?: number;
}

export interface SequenceLoad {
  readonly isTaken: boolean;
  /** Tokens that it holds for whoever begins like it; of a taken one, those of its prompt. */
  readonly tokens: number;
}

/** Passes of late that their time is the mean of, about. */
const remembered = 16;

/** How long passes take that are on their way several at once: from the one before, or from their own beginning. */
export class PassClock {
  #lastEnd = 0;
  #seconds = 0;

  get seconds(): number {
    return this.#seconds;
  }

  /** A pass that was submitted at `start` has ended. */
  ended(start: number): void {
    const now = performance.now();
    const seconds = (now - Math.max(start, this.#lastEnd)) / 1000;
    this.#lastEnd = now;
    this.#seconds += (seconds - this.#seconds) / remembered;
  }
}
