import { GrammarError } from './errors.ts';
import { dead } from './machine.ts';
import type { TokenMasks } from './token_masks.ts';

/**
 * A text under a grammar, as it is written token by token. Where its tokens come to an end before it does, those that may
 * come next are held to what can still end in time, if every byte takes a token.
 */
export class Constraint {
  readonly #masks: TokenMasks;
  #state: number;
  /** Tokens that may still come. */
  #left: number;
  #mask: Uint32Array<ArrayBuffer>;
  /** Whether the mask has less than the grammar allows. */
  #isHeld = false;
  #isCurtailed = false;

  /** `maxTokens`: of the text, at most. */
  constructor(masks: TokenMasks, maxTokens = Number.POSITIVE_INFINITY) {
    this.#masks = masks;
    this.#state = masks.machine.start;
    this.#left = maxTokens;
    this.#mask = this.#maskNow();
  }

  /** Tokens that may come next, a bit each, [vocabLength / 32]; one that ends the text is among them where it may end. */
  get mask(): Uint32Array<ArrayBuffer> {
    return this.#mask;
  }

  /** Whether nothing can follow: the text is whole. */
  get isOver(): boolean {
    return this.#masks.machine.isLast(this.#state);
  }

  /** Whether it went towards its end where others than that were ruled out, because too few tokens were left. */
  get isCurtailed(): boolean {
    return this.#isCurtailed;
  }

  /** Throws `GrammarError` where the token may not stand there, or nothing can follow it. A stop token changes nothing. */
  advance(token: number): void {
    if (this.#masks.isStop(token)) return;
    const state = this.#masks.after(this.#state, token);
    if (state === dead) throw new GrammarError(`token ${token} is not what the grammar allows here`);
    const { machine } = this.#masks;
    this.#isCurtailed ||= this.#isHeld && machine.distance(state) < machine.distance(this.#state);
    this.#state = state;
    this.#left--;
    this.#mask = this.#maskNow();
  }

  #maskNow(): Uint32Array<ArrayBuffer> {
    const { mask, farthest } = this.#masks.of(this.#state);
    const mayLeadTooFar = farthest >= this.#left && this.#left > 0;
    const held = mayLeadTooFar ? this.#masks.within(this.#left - 1, this.#state) : undefined;
    this.#isHeld = held !== undefined;
    return held ?? mask; // where there is none, no end can be promised
  }
}
