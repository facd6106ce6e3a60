import { AbandonedError } from '../gpu/plan.ts';
import type { KernelTime } from '../gpu/profile.ts';
import { type ComposedStep, type ComposeLimits, composeStep } from './compose.ts';
import { type Chosen, Generation, type GenerationOptions } from './generation.ts';
import { ContextFullError, type KvCache } from './kv_cache.ts';
import { type Lease, Reading } from './lease.ts';
import type { Logprob } from './logprobs.ts';
import { type Batch, type Model, NoRoomError, type ProfileOptions, type StepResults } from './model.ts';
import { Recovery, type Reopen } from './recovery.ts';
import type { BrokenLogitsError } from './sampler.ts';
import { noToken } from './sampling_tables.ts';
import type { TokenScore } from './scoring.ts';
import { Sequences } from './sequences.ts';
import type { DraftModel } from './speculation/draft_model.ts';
import { Speculation, type VerifyingStep } from './speculation/speculation.ts';
import { Turns } from './turns.ts';

/**
 * Runs all generations of a model together: every step takes up whoever can go on, prompts in chunks beside tokens that
 * are decoded, several steps ahead of the host. It outlives the device: after a loss the model is opened anew, and the
 * tokens so far are computed again.
 */
export class Scheduler {
  readonly #recovery: Recovery;
  readonly #sequences: Sequences;
  readonly #turns: Turns;
  /** Who holds a sequence. */
  readonly #leases = new Set<Lease>();
  readonly #generations = new Set<Generation>();
  readonly #speculation: Speculation;
  readonly #draftModel: DraftModel | undefined;
  #inFlight: Promise<void>[] = [];
  /** The step on its way verifies drafts: it is alone, and what comes after it is not known before. */
  #isVerifying = false;
  /** Sequences that are about to be given back, and that were. */
  #releasing = 0;
  #releases = 0;
  #released = Promise.withResolvers<void>();
  #signal = Promise.withResolvers<void>();
  #isRunning = false;
  #closed: Error | undefined;

  /** `reopen` opens a device and loads the model again, the draft model with it; without it a lost device is the end. */
  constructor(model: Model, sequences: number, reopen?: Reopen, draftModel?: DraftModel) {
    this.#draftModel = draftModel;
    this.#speculation = new Speculation(draftModel);
    this.#recovery = new Recovery(model, reopen, () => this.#restart());
    this.#sequences = new Sequences(sequences);
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
    const generation = await this.#lease(prompt.length, signal, (kv) => {
      const { sequence, reused } = this.#sequences.take(prompt, kv);
      return new Generation(sequence, reused, prompt, options);
    });
    this.#generations.add(generation);
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
    for await (const { rows } of this.#read(tokens, from, () => ({ reads }), signal)) yield rows;
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
    const scoringsOf = (start: number, end: number) =>
      Array.from({ length: end - start }, (_, i) => ({ target: tokens[start + i + 1] ?? 0, top }));
    const batchOf = (start: number, end: number) => ({ reads: 'scores' as const, scorings: scoringsOf(start, end) });
    let row = from;
    for await (const { scores = [] } of this.#read(tokens, from, batchOf, signal)) {
      row += scores.length;
      const last = row === tokens.length ? scores.at(-1) : undefined;
      yield last ? [...scores.slice(0, -1), { ...(last.top[0] as Logprob), top: last.top }] : scores;
    }
  }

  /** GPU time by kernel of a step that decodes one token. The sequence that it takes for it holds nothing afterwards. */
  async profile(options: ProfileOptions, signal?: AbortSignal): Promise<KernelTime[]> {
    const { tokens = 1, depth = 0 } = options;
    const reading = await this.#lease(
      depth + tokens,
      signal,
      (kv) => new Reading(this.#sequences.take([0], kv).sequence, 0),
    );
    try {
      return await this.model.profile(reading.sequence, options);
    } finally {
      this.#release(reading, () => []);
    }
  }

  /** Steps of one sequence whose rows are read from `from` on; `batchOf` says what of rows [start, end). */
  async *#read(
    tokens: readonly number[],
    from: number,
    batchOf: (start: number, end: number) => Pick<Batch, 'reads' | 'scorings'>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<StepResults> {
    const reading = await this.#lease(tokens.length, signal, (kv) => {
      const { sequence, reused } = this.#sequences.take(tokens.slice(0, from + 1), kv);
      return new Reading(sequence, reused);
    });
    try {
      for (let read = from; read < tokens.length; ) {
        signal?.throwIfAborted();
        const { model } = this;
        const { computed, sequence } = reading;
        const isRead = computed === read;
        const most = isRead ? Math.min(model.maxPrefill, model.maxLogits) : model.maxPrefill;
        const end = Math.min(isRead ? tokens.length : read, computed + most);
        const prefill = tokens.slice(computed, end).map((id, i) => {
          return { id, position: computed + i, sequence, wantsLogits: isRead };
        });
        const isWanted = () => !signal?.aborted;
        const batch = { prefill, isWanted, ...(isRead && batchOf(computed, end)) };
        const results = await this.#attempt(reading, model, batch);
        if (!results) continue;
        if (model === this.model) reading.computed = end;
        if (!isRead) continue;
        read = end;
        yield results;
      }
    } finally {
      this.#release(reading, () => tokens.slice(0, reading.computed));
    }
  }

  /** Ends everything: whoever waits hears why, and so does who comes later. Resolves when the model is out of use. */
  async close(): Promise<void> {
    this.#closed = new Error('the model is closed');
    const closed = Promise.all([this.#recovery.close(this.#closed), this.#draftModel?.close()]);
    this.#turns.close(this.#closed);
    for (const generation of this.#generations) generation.fail(this.#closed);
    await closed;
  }

  /** Waits for a sequence, and gives it to whom `take` makes; room for `length` tokens must be thinkable. */
  async #lease<L extends Lease>(length: number, signal: AbortSignal | undefined, take: (kv: KvCache) => L): Promise<L> {
    const { contextLength } = this.model.memory;
    if (length > contextLength) {
      throw new ContextFullError(
        `the prompt has ${length} tokens and the context holds ${contextLength}: raise the context length, or shorten it`,
      );
    }
    if (this.#closed) throw this.#closed;
    await this.#turns.take(signal);
    try {
      return await this.#edit((kv) => {
        const lease = take(kv);
        this.#leases.add(lease);
        return lease;
      });
    } catch (error) {
      this.#turns.give();
      throw error;
    }
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

  /** Gives back what a reading holds, so that others get on with it; it begins anew. */
  #letGo(reading: Reading): Promise<void> {
    return this.#edit((kv) => {
      kv.truncate(reading.sequence, 0);
      this.#sequences.holds(reading.sequence, []);
      reading.restart();
      this.#roomIsBack();
    });
  }

  /** Whoever found no room looks again. */
  #roomIsBack(): void {
    this.#releases++;
    this.#released.resolve();
    this.#released = Promise.withResolvers();
    for (const lease of this.#leases) lease.isStalled = false;
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
    const { maxPrefill, maxDecode, maxLogits, maxAhead, memory } = this.model;
    const limits = { maxPrefill, maxDecode, maxLogits, maxAhead, contextLength: memory.contextLength };
    const plan = this.#speculation.plan(this.#generations, limits, this.#inFlight.length);
    if (plan === 'wait') return undefined;
    if (plan instanceof Promise) return plan.then((verifying) => this.#composed(limits, verifying));
    return this.#composed(limits, plan);
  }

  #composed(limits: ComposeLimits, verifying: VerifyingStep | undefined): ComposedStep | undefined {
    const verified = verifying && composeStep(verifying.running, limits, verifying.drafts);
    const step = verified ?? composeStep(this.#generations, limits);
    this.#isVerifying = verified !== undefined;
    for (const { generation } of step?.parts ?? []) {
      if (this.#generations.delete(generation)) this.#generations.add(generation); // behind those that have waited longer
    }
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
      const isWanted = () => step.parts.some(({ generation }) => !generation.isOver);
      const { results } = await model.submit({ ...step, ...readsOf(step.rows), isWanted });
      const done = results()
        .then((read) => this.#deliver(model, step, read, submitted))
        .catch((error) => this.#fail(model, step, error))
        .finally(() => {
          this.#inFlight = this.#inFlight.filter((other) => other !== done);
        });
      this.#inFlight.push(done);
    } catch (error) {
      if (error instanceof NoRoomError) await this.#withoutRoom(model, step, error, releases);
      else if (error instanceof AbandonedError) for (const part of step.parts) part.generation.goBack(part);
      else await this.#fail(model, step, error as Error);
    }
  }

  #deliver(model: Model, step: ComposedStep, { ids, rows }: StepResults, submitted: number): void {
    if (model !== this.model) return; // its device was lost since, and all of this is chosen again
    const { vocabLength } = model.config;
    let tokens = 0;
    const logits = (row: number) => rows.slice(row * vocabLength, (row + 1) * vocabLength);
    for (const generation of new Set(step.rows)) {
      const own = [...step.rows.keys()].filter((row) => step.rows[row] === generation);
      const chosen = own.map((row) => ids[row] ?? noToken);
      const { length } = generation.tokens;
      try {
        generation.deliver(chosen, generation.wantsRow ? own.map(logits) : []);
        this.#share(generation);
      } catch (error) {
        generation.suspend(); // what its sequence holds is no better than what came of it
        generation.fail(error as BrokenLogitsError);
      }
      tokens += generation.tokens.length - length;
    }
    this.#speculation.record(step, submitted, tokens, model.maxAhead);
  }

  /** Once a prompt is computed, others may begin with it. */
  #share({ sequence, tokens, promptLength, isEnded }: Generation): void {
    if (tokens.length === promptLength + 1 && !isEnded) this.#sequences.holds(sequence, tokens.slice(0, promptLength));
  }

  /** A step went wrong. Never rejects: those whose step it was hear of it. */
  async #fail(model: Model, { parts }: ComposedStep, error: Error): Promise<void> {
    if (model !== this.model) return;
    for (const { generation } of parts) generation.suspend();
    await this.#recovery.recover(model, error).catch((cause) => {
      for (const { generation } of parts) generation.fail(cause);
    });
  }

  /** One of a step's sequences found no room: the step goes back, and it waits where others may give some. */
  async #withoutRoom(
    model: Model,
    { parts }: ComposedStep,
    { sequence, cause }: NoRoomError,
    releases: number,
  ): Promise<void> {
    if (model !== this.model) return;
    for (const part of parts) part.generation.goBack(part);
    if (releases !== this.#releases) return; // some has been given back since
    const generation = parts.find((part) => part.generation.sequence === sequence)?.generation as Generation;
    if (cause instanceof ContextFullError) {
      if (this.#mayGetRoom(generation)) generation.isStalled = true;
      else if (generation.computed < generation.promptLength) generation.fail(cause);
      else generation.fill();
      return;
    }
    generation.suspend();
    await this.#recovery.recover(model, cause).catch((reason) => generation.fail(reason));
  }

  /** Whether another may yet give back what it holds. */
  #mayGetRoom(lease: Lease): boolean {
    return (
      this.#releasing > 0 || [...this.#leases].some((other) => other !== lease && !other.isOver && !other.isStalled)
    );
  }

  /** A step outside the loop; undefined where it is to be composed anew: the device was lost, or there is room now. */
  async #attempt(
    reading: Reading,
    model: Model,
    batch: Parameters<Model['read']>[0],
  ): Promise<StepResults | undefined> {
    const releases = this.#releases;
    try {
      return await model.read(batch);
    } catch (error) {
      if (error instanceof AbandonedError) return undefined; // the signal says why
      const cause = error instanceof NoRoomError ? error.cause : (error as Error);
      if (!(cause instanceof ContextFullError)) await this.#recovery.recover(model, cause);
      else if (releases !== this.#releases) return undefined;
      else if (reading.computed > 0 && this.#leases.size > 1) await this.#letGo(reading);
      else if (!this.#mayGetRoom(reading)) throw cause;
      else {
        reading.isStalled = true;
        await this.#released.promise;
      }
      return undefined;
    }
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

/** What the host reads of a step, whose rows belong to these. */
function readsOf(rows: readonly Generation[]): { reads?: 'ids' | 'logits' | 'ids and logits' } {
  if (rows.length === 0) return {};
  if (!rows.some(({ wantsRow }) => wantsRow)) return { reads: 'ids' };
  return { reads: rows.every(({ choosesHere }) => choosesHere) ? 'logits' : 'ids and logits' };
}
