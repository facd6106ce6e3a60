import { ChatTemplateError } from '../errors.ts';

/**
 * Templates come from strangers. Ordinary ones take some hundred steps per message; these bounds end a hostile one within a
 * second or so, before it fills a browser's memory.
 */
const MOST_STEPS = 16_000_000;
const MOST_CHARACTERS = 256 * 1024 * 1024;
const LONGEST_TEXT = 4 * 1024 * 1024;
/** Of nested expressions, blocks and macro calls; each takes a few frames of JavaScript's stack. */
const DEEPEST = 400;
/** Reading this many characters or items costs a step. */
const READ_PER_STEP = 8;

/** What one render may still do. Every method throws `ChatTemplateError` when it is used up. */
export class Budget {
  #steps = 0;
  #characters = 0;
  #depth = 0;

  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > MOST_STEPS) throw new ChatTemplateError('the chat template takes too many steps');
  }

  enter(): void {
    this.step();
    if (++this.#depth > DEEPEST) throw new ChatTemplateError('the chat template is nested too deeply');
  }

  leave(): void {
    this.#depth--;
  }

  /** An operation that looks through `length` characters or items. */
  read(length: number): void {
    this.step(length / READ_PER_STEP);
  }

  /** A list of `length` items is made. */
  items(length: number): void {
    this.step(length);
  }

  /** A text of `length` characters is about to be made. */
  reserve(length: number): void {
    this.#characters += length;
    this.step(length / READ_PER_STEP);
    if (length > LONGEST_TEXT || this.#characters > MOST_CHARACTERS) {
      throw new ChatTemplateError('the chat template makes too much text');
    }
  }

  /** A text has grown by `added` characters to `length`. */
  grow(length: number, added: number): void {
    this.reserve(added);
    if (length > LONGEST_TEXT) throw new ChatTemplateError('the chat template makes too much text');
  }

  /** Accounts for a text that is no longer than a small multiple of those it was made from. */
  text(made: string): string {
    this.reserve(made.length);
    return made;
  }
}
