import { AbandonedError } from '../gpu/plan.ts';
import type { KernelTime } from '../gpu/profile.ts';
import { type ComposedStep, type ComposeLimits, composeStep } from './compose.ts';
import { type Chosen, Generation, type GenerationOptions } from './generation.ts';
import { ContextFullError } from './kv_cache.ts';
import { Leases } from './leases.ts';
import type { Logprob } from './logprobs.ts';
import { type Model, type ModelOptions, NoRoomError, type ProfileOptions, type StepResults } from './model.ts';
import { type ModelLoad, PassClock } from './model_load.ts';
import { Reading, type ReadingOptions, type Rows } from './reading.ts';
import { Recovery, type Reopen } from './recovery.ts';
import type { BrokenLogitsError } from './sampler.ts';
import type { TokenScore } from './scoring.ts';
import type { DraftModel } from './speculation/draft_model.ts';
import { Speculation, type VerifyingStep } from './speculation/speculation.ts';
import { goBack, leasesOf, ResultRows, readsOf } from './step_results.ts';

/**
 * Runs all generations and readings of a model together: every step takes up whoever can go on, prompts in chunks beside
 * tokens that are decoded, several steps ahead of the host. It outlives the device: after a loss the model is opened anew, and the
 * tokens so far are computed again.
 */
export class Scheduler {
  readonly #recovery: Recovery;
  readonly #leases: Leases;
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
  #signal = Promise.withResolvers<void>();
  #isRunning = false;
  /** How often sequences had been given back when a pass last waited for company. */
  #gathered = -1;
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
    this.#leases = new Leases(
      () => this.model,
      sequences,
      cachedPrefixes,
      () => this.#wake(),
    );
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
    const generation = await this.#leases.take(
      prompt,
      prompt.length,
      signal,
      ({ sequence, reused }) => new Generation(sequence, reused, prompt, options),
    );
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
    this.#leases.release(generation, () => generation.tokens.slice(0, Math.min(length, generation.computed)));
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
    const lease = await this.#leases.takeAsIs(
      sequence,
      signal,
      (tokens) => new Reading(sequence, tokens.length, tokens, { from: 0, reads: 'logits' }),
    );
    let left: readonly number[] = [];
    try {
      left = await use(lease.prompt, this.model);
    } finally {
      this.#leases.release(lease, () => (lease.restarts === 0 ? left : [])); // a lost device has taken them along
    }
  }

  /** GPU time by kernel of a step that decodes one token. The sequence that it takes for it holds nothing afterwards. */
  async profile(options: ProfileOptions, signal?: AbortSignal): Promise<KernelTime[]> {
    const { tokens = 1, depth = 0 } = options;
    const lease = await this.#leases.take(
      [0],
      depth + tokens,
      signal,
      ({ sequence }) => new Reading(sequence, 0, [0], { from: 0, reads: 'logits' }),
    );
    try {
      return await this.model.profile(lease.sequence, options);
    } finally {
      this.#leases.release(lease, () => []);
    }
  }

  /** Rows of one sequence, as steps bring them. */
  async *#read(tokens: readonly number[], options: ReadingOptions, signal?: AbortSignal): AsyncGenerator<Rows> {
    const known = tokens.slice(0, options.from + 1);
    const reading = await this.#leases.take(
      known,
      tokens.length,
      signal,
      ({ sequence, reused }) => new Reading(sequence, reused, tokens, options),
    );
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
      this.#leases.release(reading, () => tokens.slice(0, reading.computed));
    }
  }

  /** Ends everything: whoever waits hears why, and so does who comes later. Resolves when the model is out of use. */
  async close(): Promise<void> {
    this.#closed = new Error('the model is closed');
    const closed = Promise.all([this.#recovery.close(this.#closed), this.#draftModel?.close()]);
    this.#leases.close(this.#closed);
    for (const lease of this.#running) lease.fail(this.#closed);
    await closed;
  }

  #wake(): void {
    this.#signal.resolve();
    if (!this.#isRunning && !this.#closed) this.#run();
  }

  /** Submits steps as long as anybody can go on, never more ahead than the model allows. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#gathered = -1;
    try {
      while (!this.#closed) {
        if (this.model.stream && this.#inFlight.length === 0) await this.#gather();
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

  /**
   * Whoever comes when a pass that streams the weights has begun waits for the whole of it. So after a rest, and when
   * sequences have changed hands, the next pass waits for company, for a small share of what it takes itself.
   */
  async #gather(): Promise<void> {
    await pause(0); // who has heard of the pass before may be done, or come again
    const { releases, isReleasing } = this.#leases;
    if (releases === this.#gathered && !isReleasing) return;
    const end = performance.now() + 1000 * gatherShare * this.#passes.seconds;
    while (this.#leases.isAnyFree && performance.now() < end && !this.#closed) await pause(1);
    this.#gathered = this.#leases.releases;
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
    const { releases } = this.#leases;
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
      this.#leases.share(generation, end);
    }
    for (const part of step.readings) {
      part.reading.deliver(part, rows.readBy(part));
      this.#leases.share(part.reading, part.end);
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
      sequences: this.#leases.load,
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

  /** A step went wrong. Never rejects: those whose step it was hear of it. */
  async #fail(model: Model, step: ComposedStep, error: Error): Promise<void> {
    if (model !== this.model) return;
    const leases = leasesOf(step);
    for (const lease of leases) lease.suspend();
    await this.#recovery.recover(model, error).catch((cause) => {
      for (const lease of leases) lease.fail(cause);
      this.#leases.hasProgress();
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
    if (releases !== this.#leases.releases) return; // some has been given back since
    const lease = leasesOf(step).find((each) => each.sequence === sequence) as Generation | Reading;
    if (cause instanceof ContextFullError) {
      if (lease instanceof Reading && lease.computed > 0 && this.#leases.count > 1) await this.#leases.empty(lease);
      else if (this.#leases.mayGetRoom(lease)) lease.isStalled = true;
      else if (lease instanceof Reading || lease.computed < lease.promptLength) lease.fail(cause);
      else lease.fill();
      this.#leases.hasProgress();
      return;
    }
    lease.suspend();
    await this.#recovery.recover(model, cause).catch((reason) => {
      lease.fail(reason);
      this.#leases.hasProgress();
    });
  }

  /** The model is open again: the cache is empty, and all begin anew with the tokens that they have. */
  #restart(): void {
    this.#leases.restart();
    this.#wake();
  }
}

/** Of a pass's time, what it waits for company. */
const gatherShare = 1 / 32;

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
