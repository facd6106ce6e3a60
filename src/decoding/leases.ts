import { unlessAborted } from './generate.ts';
import { ContextFullError, type KvCache } from './kv_cache.ts';
import type { Lease } from './lease.ts';
import type { Model } from './model.ts';
import type { SequenceLoad } from './model_load.ts';
import { commonLength, Sequences, type TakenSequence } from './sequences.ts';
import { Turns } from './turns.ts';

/** Tokens that are worth waiting for, rather than to compute them again. */
const leastShared = 16;

/** A sequence cannot be had as it is: something is being generated in it. */
export class SequenceBusyError extends Error {
  override name = 'SequenceBusyError';
}

/** Who holds a sequence of the cache: whoever comes waits for its turn, and begins with what others have computed. */
export class Leases {
  /** The present one: after a loss it is another. */
  readonly #model: () => Model;
  /** Told when somebody may go on who could not. */
  readonly #onRoom: () => void;
  readonly #sequences: Sequences;
  readonly #turns: Turns;
  readonly #held = new Set<Lease>();
  /** Sequences that are about to be given back, and that were. */
  #releasing = 0;
  #releases = 0;
  /** More of a prompt is computed, or will not be: who waits for it looks again. */
  #progress = Promise.withResolvers<void>();
  #closed: Error | undefined;

  constructor(model: () => Model, count: number, shelves: number, onRoom: () => void) {
    this.#model = model;
    this.#onRoom = onRoom;
    this.#sequences = new Sequences(count, shelves);
    this.#turns = new Turns(count);
    this.#adopt();
  }

  get count(): number {
    return this.#held.size;
  }

  /** How often a sequence has been given back, or emptied. */
  get releases(): number {
    return this.#releases;
  }

  /** Whether a sequence is about to be given back. */
  get isReleasing(): boolean {
    return this.#releasing > 0;
  }

  /** Whether whoever comes has a sequence at once. */
  get isAnyFree(): boolean {
    return this.#turns.isAnyFree;
  }

  get load(): readonly SequenceLoad[] {
    return this.#sequences.load;
  }

  /**
   * Waits for a sequence, and gives it to whom `make` makes; room for `length` tokens must be thinkable. A prompt whose
   * beginning another is about to compute waits for that, and shares it.
   */
  take<L extends Lease>(
    prompt: readonly number[],
    length: number,
    signal: AbortSignal | undefined,
    make: (taken: TakenSequence) => L,
  ): Promise<L> {
    return this.#take(prompt, length, signal, (kv) => make(this.#sequences.take(prompt, kv)));
  }

  /** A sequence as it is, with the tokens that it holds. `SequenceBusyError` where somebody has it. */
  takeAsIs<L extends Lease>(
    sequence: number,
    signal: AbortSignal | undefined,
    make: (tokens: readonly number[]) => L,
  ): Promise<L> {
    return this.#take([], 0, signal, () => {
      const tokens = this.#sequences.takeAsIs(sequence);
      if (!tokens) throw new SequenceBusyError(`sequence ${sequence} is in use`);
      return make(tokens);
    });
  }

  async #take<L extends Lease>(
    prompt: readonly number[],
    length: number,
    signal: AbortSignal | undefined,
    make: (kv: KvCache) => L,
  ): Promise<L> {
    const { memory, stream, maxPrefill } = this.#model();
    if (length > memory.contextLength) {
      throw new ContextFullError(
        `the prompt has ${length} tokens and the context holds ${memory.contextLength}: raise the context length, or shorten it`,
      );
    }
    if (this.#closed) throw this.#closed;
    await this.#turns.take(signal);
    try {
      for (let isWorthIt = stream ? maxPrefill : leastShared; ; isWorthIt = 1) {
        const progress = this.#progress.promise;
        const lease = await this.#edit((kv) => {
          if (this.#isBeingComputed(prompt, isWorthIt)) return undefined;
          const made = make(kv);
          this.#held.add(made);
          return made;
        });
        if (lease) return lease;
        await unlessAborted(progress, signal);
        signal?.throwIfAborted();
      }
    } catch (error) {
      this.#turns.give();
      throw error;
    }
  }

  /** Whether another is about to compute so many more of a prompt's tokens than the cache holds. */
  #isBeingComputed(prompt: readonly number[], count: number): boolean {
    const known = prompt.slice(0, -1);
    const least = this.#sequences.reusable(known) + count;
    return [...this.#held].some((lease) => lease.isComing && commonLength(lease.prompt, known) >= least);
  }

  /** What is computed of a prompt, up to `end`, others may begin with. */
  share(lease: Lease, end: number): void {
    if (end > lease.prompt.length || lease.isOver || lease.computed < end) return;
    this.#sequences.holds(lease.sequence, lease.prompt.slice(0, end));
    this.hasProgress();
  }

  /** Who waits for what another computes looks again. */
  hasProgress(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }

  /** Gives a sequence back. `tokens`: what it is to go on holding, asked when its time has come. */
  release(lease: Lease, tokens: () => readonly number[]): void {
    this.#releasing++;
    const done = this.#edit((kv) => {
      this.#sequences.release(lease.sequence, tokens(), kv);
      this.#held.delete(lease);
      this.#releasing--;
      this.#turns.give();
      this.#roomIsBack();
    });
    done.catch(() => undefined); // closed: nobody needs it any more
  }

  /** Gives back what a lease has computed, so that others get on with it; it begins anew when they have given back theirs. */
  empty(lease: Lease): Promise<void> {
    return this.#edit((kv) => {
      kv.truncate(lease.sequence, 0);
      this.#sequences.holds(lease.sequence, []);
      lease.restart();
      this.#roomIsBack();
      lease.isStalled = this.mayGetRoom(lease);
    });
  }

  /** Whoever found no room looks again. */
  #roomIsBack(): void {
    this.#releases++;
    for (const lease of this.#held) lease.isStalled = false;
    this.hasProgress();
    this.#onRoom();
  }

  /** Whether another may yet give back what it holds. */
  mayGetRoom(lease: Lease): boolean {
    return this.#releasing > 0 || [...this.#held].some((other) => other !== lease && !other.isOver && !other.isStalled);
  }

  /** The cache is a new and empty one: all begin anew. */
  restart(): void {
    this.#adopt();
    this.#sequences.forget();
    for (const lease of this.#held) lease.restart();
  }

  #adopt(): void {
    const { kv } = this.#model();
    kv.makeRoom = () => this.#sequences.evict(kv);
  }

  /** Whoever waits hears why it waits in vain, and so does who comes later. */
  close(reason: Error): void {
    this.#closed = reason;
    this.#turns.close(reason);
    this.hasProgress();
  }

  /** Changes the cache between two steps: that of the present model, whatever is lost meanwhile. */
  async #edit<T>(change: (kv: KvCache) => T): Promise<T> {
    for (;;) {
      const model = this.#model();
      const done = await model.edit((kv) => {
        if (this.#closed) throw this.#closed;
        return model === this.#model() ? { result: change(kv) } : undefined;
      });
      if (done) return done.result;
    }
  }
}
