import { AbandonedError } from '../gpu/plan.ts';
import type { KernelTime } from '../gpu/profile.ts';
import { type ComposedStep, type ComposeLimits, composeStep } from './compose.ts';
import { unlessAborted } from './generate.ts';
import { type Chosen, Generation, type GenerationOptions } from './generation.ts';
import { ContextFullError, type KvCache } from './kv_cache.ts';
import type { Lease } from './lease.ts';
import type { Logprob } from './logprobs.ts';
import { type Model, type ModelOptions, NoRoomError, type ProfileOptions, type StepResults } from './model.ts';
import { type ModelLoad, PassClock } from './model_load.ts';
import { Reading, type ReadingOptions, type Rows } from './reading.ts';
import { Recovery, type Reopen } from './recovery.ts';
import type { BrokenLogitsError } from './sampler.ts';
import type { TokenScore } from './scoring.ts';
import { commonLength, Sequences } from './sequences.ts';
import type { DraftModel } from './speculation/draft_model.ts';
import { Speculation, type VerifyingStep } from './speculation/speculation.ts';
import { goBack, leasesOf, ResultRows, readsOf } from './step_results.ts';
import { Turns } from './turns.ts';

/**
 * Runs all generations and readings of a model together: every step takes up whoever can go on, prompts in chunks beside
 * tokens that are decoded, several steps ahead of the host. It outlives the device: after a loss the model is opened anew, and the
 * tokens so far are computed again.
 */
export class Scheduler {
  readonly #recovery: Recovery;
  readonly #sequences: Sequences;
  readonly #turns: Turns;
  /** Who holds a sequence. */
  readonly #leases = new Set<Lease>();
  readonly #generations = new Set<Generation>();
  /** These, and readings: who has waited longest comes first. */
  readonly #running = new Set<Generation | Reading>();
  readonly #speculation: Speculation;
  readonly #draftModel: DraftModel | undefined;
  #inFlight: Promise<void>[] = [];
  /** All steps that were submitted have been delivered. */
  #delivered: Promise<void> = Promise.resolve();
  /** The step on its way verifies drafts: it is alone, and what comes after it is not known before. */
  #isVerifying = false;
  /** Sequences that are about to be given back, and that were. */
  #releasing = 0;
  #releases = 0;
  /** More of a prompt is computed, or will not be: who waits for it looks again. */
  #progress = Promise.withResolvers<void>();
  #signal = Promise.withResolvers<void>();
  #isRunning = false;
  readonly #passes = new PassClock();
  #closed: Error | undefined;

  /** `reopen` opens a device and loads the model again, the draft model with it; without it a lost device is the end. */
  constructor(
    model: Model,
    { sequences = 1, cachedPrefixes = 0 }: Pick<ModelOptions, 'sequences' | 'cachedPrefixes'> = {},
    reopen?: Reopen,
    draftModel?: DraftModel,
  ) {
    this.#draftModel = draftModel;
    this.#speculation = new Speculation(draftModel);
    this.#recovery = new Recovery(model, reopen, () => this.#restart());
    this.#sequences = new Sequences(sequences, cachedPrefixes);
    this.#turns = new Turns(sequences);
    this.#adopt();
  }

  /** The present one: after a loss it is another. */
  get model(): Model {
    return this.#recovery.model;
  }

  /**
   * Begins to generate after `prompt`, as soon as a sequence is free; the signal ends the waiting.
   * `ContextFullError` for a prompt that no context could hold.
   */
  async start(prompt: readonly number[], options: GenerationOptions, signal?: AbortSignal): Promise<Generation> {
    const generation = await this.#lease(prompt, prompt.length, signal, (kv) => {
      const { sequence, reused } = this.#sequences.take(prompt, kv);
      return new Generation(sequence, reused, prompt, options);
    });
    this.#generations.add(generation);
    this.#running.add(generation);
    this.#wake();
    return generation;
  }

  /** The next token of a generation; undefined where the context is full. */
  next(generation: Generation): Promise<Chosen | undefined> {
    if (this.#closed) return Promise.reject(this.#closed); // also where tokens have come that nobody has taken
    const chosen = generation.next();
    this.#wake();
    return chosen;
  }

  /** Ends a generation of which the first `length` tokens stand; what was computed beyond them is forgotten. */
  end(generation: Generation, length: number): void {
    if (!this.#generations.delete(generation)) return;
    this.#running.delete(generation);
    generation.isEnded = true;
    this.#release(generation, () => generation.tokens.slice(0, Math.min(length, generation.computed)));
  }

  /**
   * What the model says of each of `tokens`, or of the last one alone, some rows at a time: logits, [rows, vocabLength],
   * or hidden states, [rows, embeddingLength]. `ContextFullError` for more than a context holds.
   */
  async *rows(
    tokens: readonly number[],
    of: 'all' | 'last',
    reads: 'logits' | 'hidden',
    signal?: AbortSignal,
  ): AsyncGenerator<Float32Array> {
    const from = of === 'last' ? tokens.length - 1 : 0;
    for await (const rows of this.#read(tokens, { from, reads }, signal)) yield rows as Float32Array;
  }

  /**
   * How likely the model makes each token behind `from`, and the `top` most likely in its place, some at a time; the last
   * is the most likely token after all of them. `top` is 1 to `maxTop`. What the cache holds of the tokens up to `from`
   * is not computed again.
   */
  async *scores(
    tokens: readonly number[],
    { from, top, signal }: { from: number; top: number; signal?: AbortSignal },
  ): AsyncGenerator<readonly TokenScore[]> {
    let row = from;
    for await (const rows of this.#read(tokens, { from, reads: 'scores', top }, signal)) {
      const scores = rows as readonly TokenScore[];
      row += scores.length;
      const last = row === tokens.length ? scores.at(-1) : undefined;
      yield last ? [...scores.slice(0, -1), { ...(last.top[0] as Logprob), top: last.top }] : scores;
    }
  }

  /**
   * Takes a sequence as it is, keeps it from all others until `use` is done, and leaves it with the tokens that `use` says
   * are in it then. `SequenceBusyError` where it is in use.
   */
  async hold(
    sequence: number,
    use: (tokens: readonly number[], model: Model) => Promise<readonly number[]>,
    signal?: AbortSignal,
  ): Promise<void> {
    let held: readonly number[] = [];
    const lease = await this.#lease([], 0, signal, () => {
      const tokens = this.#sequences.takeAsIs(sequence);
      if (!tokens) throw new SequenceBusyError(`sequence ${sequence} is in use`);
      held = tokens;
      return new Reading(sequence, tokens.length, tokens, { from: 0, reads: 'logits' });
    });
    let left: readonly number[] = [];
    try {
      left = await use(held, this.model);
    } finally {
      this.#release(lease, () => (lease.restarts === 0 ? left : [])); // a lost device has taken them along
    }
  }

  /** GPU time by kernel of a step that decodes one token. The sequence that it takes for it holds nothing afterwards. */
  async profile(options: ProfileOptions, signal?: AbortSignal): Promise<KernelTime[]> {
    const { tokens = 1, depth = 0 } = options;
    const lease = await this.#lease([0], depth + tokens, signal, (kv) => {
      const { sequence } = this.#sequences.take([0], kv);
      return new Reading(sequence, 0, [0], { from: 0, reads: 'logits' });
    });
    try {
      return await this.model.profile(lease.sequence, options);
    } finally {
      this.#release(lease, () => []);
    }
  }

  /** Rows of one sequence, as steps bring them. */
  async *#read(tokens: readonly number[], options: ReadingOptions, signal?: AbortSignal): AsyncGenerator<Rows> {
    const known = tokens.slice(0, options.from + 1);
    const reading = await this.#lease(known, tokens.length, signal, (kv) => {
      const { sequence, reused } = this.#sequences.take(known, kv);
      return new Reading(sequence, reused, tokens, options);
    });
    const stop = () => reading.fail(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    this.#running.add(reading);
    try {
      for (;;) {
        if (this.#closed) throw this.#closed;
        const rows = reading.next();
        this.#wake();
        const some = await rows;
        if (!some) return;
        yield some;
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#running.delete(reading);
      reading.isEnded = true;
      this.#release(reading, () => tokens.slice(0, reading.computed));
    }
  }

  /** Ends everything: whoever waits hears why, and so does who comes later. Resolves when the model is out of use. */
  async close(): Promise<void> {
    this.#closed = new Error('the model is closed');
    const closed = Promise.all([this.#recovery.close(this.#closed), this.#draftModel?.close()]);
    this.#turns.close(this.#closed);
    for (const lease of this.#running) lease.fail(this.#closed);
    this.#hasProgress();
    await closed;
  }

  /**
   * Waits for a sequence, and gives it to whom `take` makes; room for `length` tokens must be thinkable. A prompt whose beginning
   * another is about to compute waits for that, and shares it.
   */
  async #lease<L extends Lease>(
    prompt: readonly number[],
    length: number,
    signal: AbortSignal | undefined,
    take: (kv: KvCache) => L,
  ): Promise<L> {
    const { contextLength } = this.model.memory;
    if (length > contextLength) {
      throw new ContextFullError(
        `the prompt has ${length} tokens and the context holds ${contextLength}: raise the context length, or shorten it`,
      );
    }
    if (this.#closed) throw this.#closed;
    await this.#turns.take(signal);
    try {
      for (let isWorthIt = this.model.stream ? this.model.maxPrefill : leastShared; ; isWorthIt = 1) {
        const progress = this.#progress.promise;
        const lease = await this.#edit((kv) => {
          if (this.#isBeingComputed(prompt, isWorthIt)) return undefined;
          const taken = take(kv);
          this.#leases.add(taken);
          return taken;
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
    return [...this.#leases].some((lease) => lease.isComing && commonLength(lease.prompt, known) >= least);
  }

  #hasProgress(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }

  /** `tokens`: what the sequence is to go on holding, asked when its time has come. */
  #release(lease: Lease, tokens: () => readonly number[]): void {
    this.#releasing++;
    const done = this.#edit((kv) => {
      this.#sequences.release(lease.sequence, tokens(), kv);
      this.#leases.delete(lease);
      this.#releasing--;
      this.#turns.give();
      this.#roomIsBack();
    });
    done.catch(() => undefined); // closed: nobody needs it any more
  }

  /** Gives back what a reading holds, so that others get on with it; it begins anew when they have given back theirs. */
  #letGo(reading: Reading): Promise<void> {
    return this.#edit((kv) => {
      kv.truncate(reading.sequence, 0);
      this.#sequences.holds(reading.sequence, []);
      reading.restart();
      this.#roomIsBack();
      reading.isStalled = this.#mayGetRoom(reading);
    });
  }

  /** Whoever found no room looks again. */
  #roomIsBack(): void {
    this.#releases++;
    for (const lease of this.#leases) lease.isStalled = false;
    this.#hasProgress();
    this.#wake();
  }

  /** Changes the cache between two steps: that of the present model, whatever is lost meanwhile. */
  async #edit<T>(change: (kv: KvCache) => T): Promise<T> {
    for (;;) {
      const { model } = this;
      const done = await model.edit((kv) => {
        if (this.#closed) throw this.#closed;
        return model === this.model ? { result: change(kv) } : undefined;
      });
      if (done) return done.result;
    }
  }

  #wake(): void {
    this.#signal.resolve();
    if (!this.#isRunning && !this.#closed) this.#run();
  }

  /** Submits steps as long as anybody can go on, never more ahead than the model allows. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (!this.#closed) {
        this.#signal = Promise.withResolvers();
        const mayCompose = this.#inFlight.length < (this.#isVerifying ? 1 : this.model.maxAhead);
        const composed = mayCompose ? this.#compose() : undefined;
        const step = composed instanceof Promise ? await composed : composed;
        if (step) await this.#submit(step);
        else if (this.#inFlight.length > 0) await Promise.race([this.#inFlight[0], this.#signal.promise]);
        else return;
      }
    } finally {
      this.#isRunning = false; // at once: a moment later, and a wake in between would be lost
    }
  }

  /** The next step; what the draft model has a part in is not there at once. */
  #compose(): Promise<ComposedStep | undefined> | ComposedStep | undefined {
    const { prefillLength, maxDecode, maxLogits, maxRows, maxAhead, memory } = this.model;
    const limits = {
      maxPrefill: prefillLength,
      maxDecode,
      maxLogits,
      maxRows,
      maxAhead,
      contextLength: memory.contextLength,
    };
    const isReading = this.#running.size > this.#generations.size;
    const plan = isReading ? undefined : this.#speculation.plan(this.#generations, limits, this.#inFlight.length);
    if (plan === 'wait') return undefined;
    if (plan instanceof Promise) return plan.then((verifying) => this.#composed(limits, verifying));
    return this.#composed(limits, plan);
  }

  #composed(limits: ComposeLimits, verifying: VerifyingStep | undefined): ComposedStep | undefined {
    const verified = verifying && composeStep(verifying.running, limits, verifying.drafts);
    const step = verified ?? composeStep(this.#running, limits);
    this.#isVerifying = verified !== undefined;
    // behind those that have waited longer
    for (const { generation } of step?.parts ?? []) {
      if (this.#running.delete(generation)) this.#running.add(generation);
      if (this.#generations.delete(generation)) this.#generations.add(generation);
    }
    for (const { reading } of step?.readings ?? []) if (this.#running.delete(reading)) this.#running.add(reading);
    return step;
  }

  async #submit(step: ComposedStep): Promise<void> {
    const { model } = this;
    const releases = this.#releases;
    const submitted = performance.now();
    try {
      for (const { generation, writesState } of step.parts) {
        if (writesState) model.writeSamplingState(generation.sequence, generation.sampler.state);
      }
      const isWanted = () => leasesOf(step).some(({ isOver }) => !isOver);
      const { results } = await model.submit({ ...step, ...readsOf(step.rows), isWanted });
      const coming = results();
      coming.catch(() => undefined); // told in its turn
      const done = this.#delivered
        .then(() => coming) // a step of which much is read must not be overtaken
        .then((read) => this.#deliver(model, step, read, submitted))
        .catch((error) => this.#fail(model, step, error))
        .finally(() => {
          this.#inFlight = this.#inFlight.filter((other) => other !== done);
        });
      this.#inFlight.push(done);
      this.#delivered = done;
    } catch (error) {
      if (error instanceof NoRoomError) await this.#withoutRoom(model, step, error, releases);
      else if (error instanceof AbandonedError) goBack(step);
      else await this.#fail(model, step, error as Error);
    }
  }

  #deliver(model: Model, step: ComposedStep, results: StepResults, submitted: number): void {
    if (model !== this.model) return; // its device was lost since, and all of this is chosen again
    const rows = new ResultRows(step, results, model.config);
    let tokens = 0;
    for (const { generation, end, chooses } of step.parts) {
      generation.progress(end);
      if (chooses) tokens += this.#choose(generation, rows);
      this.#share(generation, end);
    }
    for (const part of step.readings) {
      part.reading.deliver(part, rows.readBy(part));
      this.#share(part.reading, part.end);
    }
    this.#speculation.record(step, submitted, tokens, model.maxAhead);
    this.#passes.ended(submitted);
  }

  /** What is held and how long a pass takes. */
  get load(): ModelLoad {
    const { kv, stream } = this.model;
    return {
      kvBytes: kv.byteLength,
      kvPositions: kv.heldPositions,
      passSeconds: this.#passes.seconds,
      sequences: this.#sequences.load,
      ...(stream && { streamedBytes: stream.counts.bytes }),
    };
  }

  /** A generation's rows of a step become tokens; how many. */
  #choose(generation: Generation, rows: ResultRows): number {
    const { ids, logits } = rows.chosenBy(generation);
    const { length } = generation.tokens;
    try {
      generation.deliver(ids, logits);
    } catch (error) {
      generation.suspend(); // what its sequence holds is no better than what came of it
      generation.fail(error as BrokenLogitsError);
    }
    return generation.tokens.length - length;
  }

  /** What is computed of a prompt others may begin with. */
  #share(lease: Generation | Reading, end: number): void {
    if (end > lease.prompt.length || lease.isOver || lease.computed < end) return;
    this.#sequences.holds(lease.sequence, lease.prompt.slice(0, end));
    this.#hasProgress();
  }

  /** A step went wrong. Never rejects: those whose step it was hear of it. */
  async #fail(model: Model, step: ComposedStep, error: Error): Promise<void> {
    if (model !== this.model) return;
    const leases = leasesOf(step);
    for (const lease of leases) lease.suspend();
    await this.#recovery.recover(model, error).catch((cause) => {
      for (const lease of leases) lease.fail(cause);
      this.#hasProgress();
    });
  }

  /** One of a step's sequences found no room: the step goes back, and it waits where others may give some. */
  async #withoutRoom(
    model: Model,
    step: ComposedStep,
    { sequence, cause }: NoRoomError,
    releases: number,
  ): Promise<void> {
    if (model !== this.model) return;
    goBack(step);
    if (releases !== this.#releases) return; // some has been given back since
    const lease = leasesOf(step).find((each) => each.sequence === sequence) as Generation | Reading;
    if (cause instanceof ContextFullError) {
      if (lease instanceof Reading && lease.computed > 0 && this.#leases.size > 1) await this.#letGo(lease);
      else if (this.#mayGetRoom(lease)) lease.isStalled = true;
      else if (lease instanceof Reading || lease.computed < lease.promptLength) lease.fail(cause);
      else lease.fill();
      this.#hasProgress();
      return;
    }
    lease.suspend();
    await this.#recovery.recover(model, cause).catch((reason) => {
      lease.fail(reason);
      this.#hasProgress();
    });
  }

  /** Whether another may yet give back what it holds. */
  #mayGetRoom(lease: Lease): boolean {
    return (
      this.#releasing > 0 || [...this.#leases].some((other) => other !== lease && !other.isOver && !other.isStalled)
    );
  }

  /** The model is open again: the cache is empty, and all begin anew with the tokens that they have. */
  #restart(): void {
    this.#adopt();
    this.#sequences.forget();
    for (const lease of this.#leases) lease.restart();
    this.#wake();
  }

  #adopt(): void {
    const { kv } = this.model;
    kv.makeRoom = () => this.#sequences.evict(kv);
  }
}

/** A sequence cannot be had as it is: something is being generated in it. */
export class SequenceBusyError extends Error {
  override name = 'SequenceBusyError';
}

/** Tokens that are worth waiting for, rather than to compute them again. */
const leastShared = 16;
