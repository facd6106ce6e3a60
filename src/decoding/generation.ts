import type { Part } from './compose.ts';
import type { Lease } from './lease.ts';
import { BrokenLogitsError, type Sampler } from './sampler.ts';
import { type Mask, noToken, type RowSampling } from './sampling_tables.ts';
import { Drafter, type DraftWhen } from './speculation/drafter.ts';

/** A token that was chosen, and the logits it was chosen from, where somebody asked for them: [vocabLength]. */
export interface Chosen {
  readonly id: number;
  readonly logits: Float32Array | undefined;
  /** Whether it is the first that came of its step: a draft that was right lets another follow. */
  readonly startsPass: boolean;
  /** Whether nothing can follow it: a grammar's text is whole. */
  readonly isLast?: boolean;
}

export interface GenerationOptions {
  readonly sampler: Sampler;
  /** Tokens to choose, at most. */
  readonly maxTokens: number;
  /** Whether the tokens bring their logits. */
  readonly wantsLogits: boolean;
  /** When tokens are guessed ahead and verified together. */
  readonly speculation: DraftWhen | 'off';
  /** Hears how much of the prompt is computed. */
  readonly onProgress?: ((progress: PromptProgress) => void) | undefined;
}

/** How far a prompt is. */
export interface PromptProgress {
  /** Of the prompt, computed by now or held by the cache before. */
  readonly doneTokens: number;
  readonly totalTokens: number;
}

/** A sequence that is being generated: what is known of it, what is on its way, what its consumer has not taken yet. */
export class Generation implements Lease {
  readonly sequence: number;
  readonly sampler: Sampler;
  readonly maxTokens: number;
  readonly wantsLogits: boolean;
  readonly #onProgress: GenerationOptions['onProgress'];
  readonly prompt: readonly number[];
  readonly promptLength: number;
  /** Prompt tokens that the cache held already. */
  reused: number;
  /** The prompt and what was chosen. */
  readonly tokens: number[];
  computed: number;
  /** Guesses what comes next, where guesses are wanted and rows of logits do not depend on them. */
  readonly drafter: Drafter | undefined;
  /** Tokens that the GPU chooses, and the host does not know yet. */
  pending = 0;
  /** Tokens behind those that are known, which the step on its way takes for right. */
  #drafts: readonly number[] = [];
  isStalled = false;
  /** Nobody waits for more. */
  isEnded = false;
  /** Since when the GPU remembers the sampler's state: tokens chosen before, and recent ones then. */
  #state: { readonly counter: number; readonly length: number } | undefined;
  readonly #ready: Chosen[] = [];
  /** Of the token that comes next, or of word that it does not. */
  #arrival = Promise.withResolvers<void>();
  #error: Error | undefined;
  #isSuspended = false;
  #isFull = false;
  #waiter: PromiseWithResolvers<Chosen | undefined> | undefined;

  constructor(sequence: number, reused: number, prompt: readonly number[], options: GenerationOptions) {
    this.sequence = sequence;
    this.reused = reused;
    this.prompt = prompt;
    this.promptLength = prompt.length;
    this.tokens = [...prompt];
    this.computed = reused;
    this.sampler = options.sampler;
    this.maxTokens = options.maxTokens;
    this.wantsLogits = options.wantsLogits;
    this.#onProgress = options.onProgress;
    for (const token of prompt) this.sampler.accept(token);
    const { speculation, sampler } = options;
    this.drafter = speculation === 'off' || !sampler.canVerify ? undefined : new Drafter(this.tokens, speculation);
  }

  /** Whether the host needs each token's logits to choose it. */
  get choosesHere(): boolean {
    return !this.sampler.runsOnGpu;
  }

  /** Whether the tokens on their way have to be known first: a grammar's mask may wait for one of them, or nothing follows. */
  get isWaiting(): boolean {
    return this.sampler.isConstrained && (this.pending > 1 || this.sampler.isOver);
  }

  /** Tokens chosen or being chosen. */
  get chosenCount(): number {
    return this.tokens.length + this.pending - this.promptLength;
  }

  /** Chosen and not consumed: how far it is ahead of whom it works for. */
  get ahead(): number {
    return this.#ready.length + this.pending;
  }

  get isOver(): boolean {
    return this.isEnded || this.#isFull || this.#error !== undefined;
  }

  /** Whether one token is all that its next step has to take up. */
  get isDecoding(): boolean {
    return this.computed >= this.promptLength && this.computed === this.tokens.length + this.pending - 1;
  }

  get isComing(): boolean {
    return !this.isOver && !this.isStalled;
  }

  /** Whether another step may take it up. */
  get canGoOn(): boolean {
    return !this.isOver && !this.isStalled && !this.#isSuspended;
  }

  /** Whether the GPU is to be told the sampler's state before the next step, which counts from here on. */
  rememberState(): boolean {
    if (this.#state) return false;
    this.#state = { counter: this.chosenCount, length: this.sampler.state.recent.length };
    return this.sampler.hasState && this.sampler.runsOnGpu;
  }

  /** How the GPU chooses the next token, or the one behind the first `place` of some drafts; undefined where the host does. */
  sampling(place: number, draftCount: number): RowSampling | undefined {
    if (this.choosesHere || !this.#state) return undefined;
    const { sampler, pending } = this;
    const known = sampler.row(this.sequence, this.chosenCount + place, this.#state.counter, this.#state.length);
    const coming = known.mask && pending > 0 ? this.#arrival.promise.then(() => sampler.mask as Mask) : known.mask;
    const row = { ...known, mask: coming };
    return draftCount > 0 ? { ...row, feeds: false } : row;
  }

  /** A step takes it up to position `computed`, its drafts with it. */
  submit(chooses: boolean, computed: number, drafts: readonly number[]): void {
    this.computed = computed;
    this.#drafts = drafts;
    if (chooses) this.pending++;
  }

  /** Whether the host reads the logits of each token. */
  get wantsRow(): boolean {
    return this.wantsLogits || this.choosesHere;
  }

  /**
   * What the GPU chose behind the last token, and behind each draft, has come, or the logits to choose from. They stand up
   * to the first draft that is not what was chosen. Throws `BrokenLogitsError` where they are no numbers, `GrammarError`
   * where the grammar has come to where nothing leads on.
   */
  deliver(idsOfGpu: readonly number[], rows: readonly Float32Array[] = []): void {
    const drafts = this.#drafts;
    this.#drafts = [];
    this.pending--;
    try {
      this.#accept(idsOfGpu, rows, drafts);
    } finally {
      this.#arrived();
    }
  }

  #accept(idsOfGpu: readonly number[], rows: readonly Float32Array[], drafts: readonly number[]): void {
    if (this.isEnded || this.#isSuspended || this.#error || this.sampler.isOver) return;
    const before = this.tokens.length;
    for (const [place, idOfGpu] of idsOfGpu.entries()) {
      const logits = rows[place];
      const id = this.choosesHere && logits ? this.sampler.sample(logits) : idOfGpu;
      if (id === noToken) throw new BrokenLogitsError();
      this.tokens.push(id);
      this.sampler.advance(id);
      this.#ready.push({
        id,
        logits: this.wantsLogits ? logits : undefined,
        startsPass: place === 0,
        isLast: this.sampler.isOver,
      });
      if (id !== drafts[place]) break;
    }
    if (drafts.length > 0) {
      this.computed = this.tokens.length - 1; // what was rejected is computed over
      this.drafter?.learn(drafts.length, this.computed - before);
    }
    this.#settle();
  }

  /** A step is done that took it up to position `end`. */
  progress(end: number): void {
    if (end > this.promptLength || this.isOver) return;
    try {
      this.#onProgress?.({ doneTokens: end, totalTokens: this.promptLength });
    } catch (error) {
      this.fail(error as Error); // its consumer's own
    }
  }

  /** A step that it was part of could not be submitted. */
  goBack({ computed, chooses, writesState }: Part): void {
    this.computed = computed;
    this.#drafts = [];
    if (chooses) this.pending--;
    if (writesState) this.#state = undefined;
  }

  /** There is no room for another token. */
  fill(): void {
    this.#isFull = true;
    this.#settle();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#arrived();
    this.#settle();
  }

  /** A step of it went wrong: nothing is computed or chosen until `restart` or `fail`, and what its sequence holds is void. */
  suspend(): void {
    this.#isSuspended = true;
    this.computed = 0;
    this.#arrived();
  }

  /** What was on its way is chosen again. */
  restart(): void {
    this.#isSuspended = false;
    this.isStalled = false;
    this.reused = 0;
    this.computed = 0;
    this.pending = 0;
    this.#drafts = [];
    this.#state = undefined;
    this.#arrived();
  }

  /** Whoever waits for the mask behind a token gets it, or finds that nobody needs it. */
  #arrived(): void {
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  /** The next token; undefined where the context is full. Rejects with what went wrong. */
  next(): Promise<Chosen | undefined> {
    this.#waiter = Promise.withResolvers();
    const { promise } = this.#waiter;
    this.#settle();
    return promise;
  }

  #settle(): void {
    if (!this.#waiter) return;
    const chosen = this.#ready.shift();
    if (chosen) this.#waiter.resolve(chosen);
    else if (this.#error) this.#waiter.reject(this.#error);
    else if (this.#isFull && this.pending === 0) this.#waiter.resolve(undefined);
    else return;
    this.#waiter = undefined;
  }
}
