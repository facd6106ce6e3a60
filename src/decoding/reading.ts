import type { ReadingPart } from './compose.ts';
import type { Lease } from './lease.ts';
import { BrokenLogitsError } from './sampler.ts';
import type { TokenScore } from './scoring.ts';

/** Rows of one step: logits, [rows, vocabLength], hidden states, [rows, embeddingLength], or scores, [rows]. */
export type Rows = Float32Array | readonly TokenScore[];

export interface ReadingOptions {
  /** The first token of which anything is read; the last is read always. */
  readonly from: number;
  readonly reads: 'logits' | 'hidden' | 'scores';
  /** For scores: how many of the most likely tokens in each place. */
  readonly top?: number;
}

/** A sequence whose tokens are all known, of which something is read: steps take it up beside those that are generated. */
export class Reading implements Lease {
  readonly sequence: number;
  readonly prompt: readonly number[];
  readonly reads: ReadingOptions['reads'];
  readonly top: number;
  computed: number;
  isStalled = false;
  restarts = 0;
  /** Nobody reads on. */
  isEnded = false;
  /** Tokens whose rows have come, or are not read. */
  #read: number;
  /** Steps that bring rows. */
  #pending = 0;
  readonly #ready: Rows[] = [];
  #isSuspended = false;
  #error: Error | undefined;
  #waiter: PromiseWithResolvers<Rows | undefined> | undefined;

  constructor(sequence: number, reused: number, prompt: readonly number[], { from, reads, top = 0 }: ReadingOptions) {
    this.sequence = sequence;
    this.prompt = prompt;
    this.reads = reads;
    this.top = top;
    this.computed = reused;
    this.#read = from;
  }

  get isOver(): boolean {
    return this.isEnded || this.#error !== undefined || this.#read === this.prompt.length;
  }

  /** Logits wait until those before them are taken: they are large. */
  get canGoOn(): boolean {
    if (this.isOver || this.isStalled || this.#isSuspended || this.computed === this.prompt.length) return false;
    return this.reads !== 'logits' || this.#ready.length + this.#pending === 0;
  }

  get isComing(): boolean {
    return !this.isOver && !this.isStalled && this.reads !== 'logits';
  }

  /** The first position of which a row is wanted. */
  get firstRow(): number {
    return Math.max(this.#read, this.computed);
  }

  /** A step takes it up to position `end`. */
  submit(end: number): void {
    if (end > this.#read) this.#pending++;
    this.computed = end;
  }

  /** A step that it was part of could not be submitted. */
  goBack({ restarts, computed, rowCount }: ReadingPart): void {
    if (restarts !== this.restarts) return;
    this.computed = computed;
    if (rowCount > 0) this.#pending--;
  }

  /** A step's rows have come; those from before a restart are read again. */
  deliver({ restarts, rowCount }: ReadingPart, rows: Rows): void {
    if (rowCount === 0 || restarts !== this.restarts) return;
    this.#pending--;
    if (this.isEnded || this.#isSuspended || this.#error) return;
    this.#read += rowCount;
    this.#ready.push(rows);
    if (isBroken(rows, this.top)) this.fail(new BrokenLogitsError());
    this.#settle();
  }

  /** A step of it went wrong: nothing is computed until `restart` or `fail`, and what its sequence holds is void. */
  suspend(): void {
    this.#isSuspended = true;
    this.computed = 0;
  }

  restart(): void {
    this.restarts++;
    this.#isSuspended = false;
    this.isStalled = false;
    this.computed = 0;
    this.#pending = 0;
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#settle();
  }

  /** The next rows; undefined after the last. Rejects with what went wrong. */
  next(): Promise<Rows | undefined> {
    this.#waiter = Promise.withResolvers();
    const { promise } = this.#waiter;
    this.#settle();
    return promise;
  }

  #settle(): void {
    if (!this.#waiter) return;
    if (this.#error) this.#waiter.reject(this.#error);
    else if (this.#ready.length > 0) this.#waiter.resolve(this.#ready.shift());
    else if (this.#read === this.prompt.length) this.#waiter.resolve(undefined);
    else return;
    this.#waiter = undefined;
  }
}

/** Scores of logits that are no numbers have nothing that is likely. */
function isBroken(rows: Rows, top: number): boolean {
  return top > 0 && !(rows instanceof Float32Array) && rows.some((score) => score.top.length === 0);
}
