import type { KvCache } from './kv_cache.ts';
import type { SequenceLoad } from './model_load.ts';

/** What a sequence's place in the cache holds. */
interface Slot {
  /** Whose keys and values are there, in order of position. */
  tokens: readonly number[];
  isTaken: boolean;
  /** Grows with every use: the lowest is the oldest. */
  lastUse: number;
}

/** A sequence that a caller may write to, until it is given back. */
export interface TakenSequence {
  readonly sequence: number;
  /** Positions at the beginning of the prompt that the cache holds already. */
  readonly reused: number;
}

/**
 * Who may write to which sequence of the cache, and what the others still hold. A prompt that begins like what some
 * sequence holds goes on from there; what is not needed any more goes when room is wanted, the oldest first.
 */
export class Sequences {
  /** Of the sequences, and behind them of the cache's shelves, which nobody takes. */
  readonly #slots: Slot[];
  readonly #count: number;
  #uses = 0;

  constructor(count: number, shelves = 0) {
    this.#count = count;
    this.#slots = Array.from({ length: count + shelves }, () => ({ tokens: [], isTaken: false, lastUse: 0 }));
  }

  /** Takes the sequence that costs `prompt` the least work, of those that are free; its last token at least is left to be computed. */
  take(prompt: readonly number[], kv: KvCache): TakenSequence {
    const known = prompt.slice(0, -1);
    const lengths = this.#slots.map(({ tokens }) => commonLength(tokens, known));
    const reused = Math.max(...lengths);
    const from = this.#slots.findIndex(({ isTaken }, i) => lengths[i] === reused && !isTaken && i < this.#count);
    const sequence = reused > 0 && from >= 0 && this.#goesOn(from, reused) ? from : this.#emptiestFree();
    const source = from >= 0 ? from : lengths.indexOf(reused);
    if (sequence !== from || reused === 0) this.#shelve(sequence, source, kv);
    if (sequence === from) kv.truncate(sequence, reused);
    else kv.fork(source, sequence, reused);
    this.#slots[sequence] = { tokens: prompt.slice(0, reused), isTaken: true, lastUse: ++this.#uses };
    return { sequence, reused };
  }

  get load(): readonly SequenceLoad[] {
    const own = this.#slots.slice(0, this.#count);
    return own.map(({ isTaken, tokens }) => ({ isTaken, tokens: tokens.length }));
  }

  /** Tokens at the beginning of `known` that some sequence holds. */
  reusable(known: readonly number[]): number {
    return Math.max(...this.#slots.map(({ tokens }) => commonLength(tokens, known)));
  }

  /** In place, unless most of what it holds would be lost while another is empty. */
  #goesOn(from: number, reused: number): boolean {
    const hasEmpty = this.#slots.some(({ isTaken, tokens }, i) => !isTaken && tokens.length === 0 && i < this.#count);
    return 2 * reused >= (this.#slots[from] as Slot).tokens.length || !hasEmpty;
  }

  /** An empty sequence, or the oldest. */
  #emptiestFree(): number {
    const free = this.#slots.slice(0, this.#count).filter(({ isTaken }) => !isTaken);
    free.sort((a, b) => Math.sign(a.tokens.length) - Math.sign(b.tokens.length) || a.lastUse - b.lastUse);
    return this.#slots.indexOf(free[0] as Slot);
  }

  /** Takes a sequence as it is; undefined where somebody has it. */
  takeAsIs(sequence: number): readonly number[] | undefined {
    const slot = this.#slots[sequence] as Slot;
    if (slot.isTaken) return undefined;
    slot.isTaken = true;
    return slot.tokens;
  }

  /** What a sequence holds that is about to begin with something else goes on a shelf, the oldest one's place but for `source`. */
  #shelve(sequence: number, source: number, kv: KvCache): void {
    const { tokens, lastUse } = this.#slots[sequence] as Slot;
    const shelves = this.#slots.filter((_, i) => i >= this.#count && i !== source);
    const [oldest] = shelves.sort(
      (a, b) => Math.sign(a.tokens.length) - Math.sign(b.tokens.length) || a.lastUse - b.lastUse,
    );
    const isHeld = this.#slots.some((slot, i) => i !== sequence && commonLength(slot.tokens, tokens) === tokens.length);
    if (!oldest || isHeld) return;
    kv.fork(sequence, this.#slots.indexOf(oldest), tokens.length);
    Object.assign(oldest, { tokens, lastUse });
  }

  /** What a taken sequence holds by now: others may begin with it. */
  holds(sequence: number, tokens: readonly number[]): void {
    (this.#slots[sequence] as Slot).tokens = tokens;
  }

  /** Gives a sequence back, with the `tokens` that it is to go on holding. */
  release(sequence: number, tokens: readonly number[], kv: KvCache): void {
    kv.truncate(sequence, tokens.length);
    this.#slots[sequence] = { tokens, isTaken: false, lastUse: ++this.#uses };
  }

  /** Empties the oldest sequence that nobody writes to; false where there is none. */
  evict(kv: KvCache): boolean {
    const held = this.#slots.filter(({ isTaken, tokens }) => !isTaken && tokens.length > 0);
    const [oldest] = held.sort((a, b) => a.lastUse - b.lastUse);
    if (!oldest) return false;
    kv.truncate(this.#slots.indexOf(oldest), 0);
    oldest.tokens = [];
    return true;
  }

  /** After the cache was lost: nobody holds anything. */
  forget(): void {
    for (const slot of this.#slots) slot.tokens = [];
  }
}

/** How many tokens two sequences have in common at their beginning. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
