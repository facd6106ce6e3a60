import { GrammarError } from './errors.ts';
import { dead } from './machine.ts';
import type { TokenMasks } from './token_masks.ts';

/** A text under a grammar, as it is written token by token. */
export class Constraint {
  readonly #masks: TokenMasks;
  #state: number;
  #mask: Uint32Array<ArrayBuffer>;

  constructor(masks: TokenMasks) {
    this.#masks = masks;
    this.#state = masks.machine.start;
    this.#mask = masks.of(this.#state);
  }

  /** Tokens that may come next, a bit each, [vocabLength / 32]; one that ends the text is among them where it may end. */
  get mask(): Uint32Array<ArrayBuffer> {
    return this.#mask;
  }

  /** Whether nothing can follow: the text is whole. */
  get isOver(): boolean {
    return this.#masks.machine.isLast(this.#state);
  }

  /** Throws `GrammarError` where the token may not stand there, or nothing can follow it. */
  advance(token: number): void {
    const state = this.#masks.after(this.#state, token);
    if (state === dead) throw new GrammarError(`token ${token} is not what the grammar allows here`);
    if (state === this.#state) return;
    this.#state = state;
    this.#mask = this.#masks.of(state);
  }
}
