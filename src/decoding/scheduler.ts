import { DeviceLostError } from '../gpu/errors.ts';
import { type ComposedStep, composeStep } from './compose.ts';
import { type Chosen, Generation, type GenerationOptions } from './generation.ts';
import { ContextFullError } from './kv_cache.ts';
import { type Model, NoRoomError, type StepResults } from './model.ts';
import type { BrokenLogitsError } from './sampler.ts';
import { noToken } from './sampling_tables.ts';
import { Sequences, type TakenSequence } from './sequences.ts';

/** Milliseconds within which a second loss of the device is one too many. */
const recoveryPause = 60_000;

/** Milliseconds that a device's loss may be told after what fails by it. */
const lossDelay = 100;

/** What work on a model gives when its device was lost, and the model is open again. */
const lost = Symbol('lost');

/**
 * Runs all generations of a model together: every step takes up whoever can go on, prompts in chunks beside tokens that
 * are decoded, several steps ahead of the host. It outlives the device: after a loss the model is opened anew, and the
 * tokens so far are computed again.
 */
export class Scheduler {
  readonly #reopen: (() => Promise<Model>) | undefined;
  readonly #sequences: Sequences;
  readonly #generations = new Set<Generation>();
  /** Who waits for a sequence. */
  readonly #waiting: (() => void)[] = [];
  #freeCount: number;
  #model: Model;
  #inFlight: Promise<void>[] = [];
  #signal = Promise.withResolvers<void>();
  #isRunning = false;
  #recovering: Promise<void> | undefined;
  #lastLoss = Number.NEGATIVE_INFINITY;
  #closed: Error | undefined;

  /** `reopen` opens a device and loads the model again; without it a lost device is the end. */
  constructor(model: Model, sequences: number, reopen?: () => Promise<Model>) {
    this.#reopen = reopen;
    this.#sequences = new Sequences(sequences);
    this.#freeCount = sequences;
    this.#model = this.#adopted(model);
  }

  get model(): Model {
    return this.#model;
  }

  #adopted(model: Model): Model {
    model.kv.makeRoom = () => this.#sequences.evict(model.kv);
    return model;
  }

  /**
   * Begins to generate after `prompt`, as soon as a sequence is free; the signal ends the waiting.
   * `ContextFullError` for a prompt that no context could hold.
   */
  async start(prompt: readonly number[], options: GenerationOptions, signal?: AbortSignal): Promise<Generation> {
    const { sequence, reused } = await this.#take(prompt, signal);
    const generation = new Generation(sequence, reused, prompt, options);
    this.#generations.add(generation);
    this.#wake();
    return generation;
  }

  /** The next token of a generation; undefined where the context is full. */
  next(generation: Generation): Promise<Chosen | undefined> {
    const chosen = generation.next();
    this.#wake();
    return chosen;
  }

  /** Ends a generation of which the first `length` tokens stand; what was computed beyond them is forgotten. */
  end(generation: Generation, length: number): void {
    if (!this.#generations.delete(generation)) return;
    generation.isEnded = true;
    this.#release(generation.sequence, generation.tokens.slice(0, Math.min(length, generation.computed)));
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
    const { sequence, reused } = await this.#take(of === 'last' ? tokens : [], signal, tokens.length);
    let computed = reused;
    let read = of === 'last' ? tokens.length - 1 : 0;
    try {
      while (read < tokens.length) {
        signal?.throwIfAborted();
        const { maxPrefill, maxLogits } = this.#model;
        const isRead = computed === read;
        const end = isRead
          ? Math.min(tokens.length, computed + Math.min(maxPrefill, maxLogits))
          : Math.min(read, computed + maxPrefill);
        const prefill = tokens.slice(computed, end).map((id, i) => {
          return { id, position: computed + i, sequence, wantsLogits: isRead };
        });
        const rows = await this.#attempt((model) => model.read(isRead ? { prefill, reads } : { prefill }));
        computed = rows === lost ? 0 : end;
        if (rows === lost || !isRead) continue;
        read = end;
        yield rows.rows;
      }
    } finally {
      this.#release(sequence, tokens.slice(0, computed));
    }
  }

  /** Ends everything: whoever waits hears why, and so does who comes later. */
  close(): void {
    this.#closed = new Error('the model is closed');
    for (const generation of this.#generations) generation.fail(this.#closed);
    for (const proceed of this.#waiting.splice(0)) proceed();
    this.#model.destroy();
  }

  /** Takes a sequence for `prompt`, the beginning of `length` tokens. */
  async #take(prompt: readonly number[], signal?: AbortSignal, length = prompt.length): Promise<TakenSequence> {
    if (length > this.#model.memory.contextLength) {
      const { contextLength } = this.#model.memory;
      throw new ContextFullError(
        `the prompt has ${length} tokens and the context holds ${contextLength}: raise the context length, or shorten it`,
      );
    }
    while (!this.#closed && this.#freeCount === 0) await this.#nextRelease(signal);
    if (this.#closed) throw this.#closed;
    this.#freeCount--;
    return this.#model.edit((kv) => this.#sequences.take(prompt, kv));
  }

  async #nextRelease(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      reject(signal?.reason);
    };
    this.#waiting.push(resolve);
    signal?.addEventListener('abort', abort, { once: true });
    await promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  #release(sequence: number, tokens: readonly number[]): void {
    this.#model.edit((kv) => {
      this.#sequences.release(sequence, tokens, kv);
      this.#freeCount++;
      this.#waiting.shift()?.();
      for (const generation of this.#generations) generation.isStalled = false;
      this.#wake();
    });
  }

  #wake(): void {
    this.#signal.resolve();
    if (this.#isRunning || this.#closed) return;
    this.#isRunning = true;
    this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  /** Submits steps as long as anybody can go on, never more ahead than the model allows. */
  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#signal = Promise.withResolvers();
      const { maxAhead } = this.#model;
      const step = this.#inFlight.length < maxAhead ? this.#compose() : undefined;
      if (step) await this.#submit(step);
      else if (this.#inFlight.length > 0) await Promise.race([this.#inFlight[0], this.#signal.promise]);
      else return;
    }
  }

  #compose(): ComposedStep | undefined {
    const { maxPrefill, maxDecode, maxLogits, maxAhead, memory } = this.#model;
    const limits = { maxPrefill, maxDecode, maxLogits, maxAhead, contextLength: memory.contextLength };
    const step = composeStep(this.#generations, limits);
    for (const { generation } of step?.parts ?? []) {
      this.#generations.delete(generation); // behind those that have waited longer
      this.#generations.add(generation);
    }
    return step;
  }

  async #submit(step: ComposedStep): Promise<void> {
    const model = this.#model;
    try {
      for (const { generation, writesState } of step.parts) {
        if (writesState) model.writeSamplingState(generation.sequence, generation.sampler.state);
      }
      const { results } = await model.submit({ ...step, ...readsOf(step.rows) });
      for (const { generation } of step.parts) this.#share(generation);
      const done = results()
        .then((read) => this.#deliver(model, step, read))
        .catch((error) => this.#fail(model, step, error))
        .finally(() => {
          this.#inFlight = this.#inFlight.filter((other) => other !== done);
        });
      this.#inFlight.push(done);
    } catch (error) {
      await this.#fail(model, step, error as Error);
    }
  }

  /** From now on others may begin with the prompt. */
  #share({ sequence, tokens, promptLength, computed }: Generation): void {
    if (computed === promptLength) this.#sequences.holds(sequence, tokens.slice(0, promptLength));
  }

  #deliver(model: Model, step: ComposedStep, { ids, rows }: StepResults): void {
    if (model !== this.#model) return; // its device was lost since, and all of this is chosen again
    const { vocabLength } = model.config;
    step.rows.forEach((generation, row) => {
      const logits = generation.wantsRow ? rows.slice(row * vocabLength, (row + 1) * vocabLength) : undefined;
      try {
        generation.deliver(ids[row] ?? noToken, logits);
      } catch (error) {
        generation.fail(error as BrokenLogitsError);
      }
    });
  }

  /** A step went wrong. Never rejects: those whose step it was hear of it. */
  async #fail(model: Model, { parts }: ComposedStep, error: Error): Promise<void> {
    if (model !== this.#model) return;
    try {
      if (error instanceof NoRoomError) return this.#stall(parts, error);
      await this.#recover(model, error);
    } catch (cause) {
      for (const { generation } of parts) {
        generation.computed = 0; // what its sequence holds is nobody's guess
        generation.fail(cause as Error);
      }
    }
  }

  /** A sequence found no room: it waits for others to give some back, where there are any. */
  #stall(parts: ComposedStep['parts'], { sequence, cause }: NoRoomError): void {
    for (const { generation, computed, pending, writesState } of parts)
      generation.goBack(computed, pending, writesState);
    const generation = parts.find((part) => part.generation.sequence === sequence)?.generation as Generation;
    const others = [...this.#generations].some((other) => other !== generation && !other.isOver && !other.isStalled);
    if (!(cause instanceof ContextFullError)) generation.fail(cause as Error);
    else if (others) generation.isStalled = true;
    else if (generation.computed < generation.promptLength) generation.fail(cause);
    else generation.fill();
  }

  /** Work outside the loop; `lost` where it is to be done again from the beginning. */
  async #attempt<T>(work: (model: Model) => Promise<T>): Promise<T | typeof lost> {
    const model = this.#model;
    try {
      return await work(model);
    } catch (error) {
      if (error instanceof NoRoomError) throw error.cause;
      await this.#recover(model, error as Error);
      return lost;
    }
  }

  /** Opens the model again if its device was lost; rejects with `error` otherwise, or with why it can't. */
  async #recover(model: Model, error: Error): Promise<void> {
    if (this.#closed) throw this.#closed;
    const loss = await lossOf(model, error);
    if (model !== this.#model) return;
    if (!loss || this.#closed) throw this.#closed ?? error;
    this.#recovering ??= this.#rebuild(loss).finally(() => {
      this.#recovering = undefined;
    });
    await this.#recovering;
  }

  async #rebuild(loss: DeviceLostError): Promise<void> {
    if (!this.#reopen) throw loss;
    const isTooSoon = performance.now() - this.#lastLoss < recoveryPause;
    this.#lastLoss = performance.now();
    if (isTooSoon)
      throw new DeviceLostError(`${loss.message}; it is the second loss within a minute: try a smaller load`);
    this.#model.destroy();
    const model = await this.#reopen();
    if (this.#closed) {
      model.destroy();
      throw this.#closed;
    }
    this.#model = this.#adopted(model);
    this.#sequences.forget();
    for (const generation of this.#generations) generation.restart();
  }
}

/** What the host reads of a step, whose rows belong to these. */
function readsOf(rows: readonly Generation[]): { reads?: 'ids' | 'logits' | 'ids and logits' } {
  if (rows.length === 0) return {};
  if (!rows.some(({ wantsRow }) => wantsRow)) return { reads: 'ids' };
  return { reads: rows.every(({ choosesHere }) => choosesHere) ? 'logits' : 'ids and logits' };
}

/** The loss of the device behind `error`, if there is one: what fails on a lost device may be told before the loss is. */
async function lossOf({ device }: Model, error: Error): Promise<DeviceLostError | undefined> {
  if (error instanceof DeviceLostError) return error;
  const later = new Promise<undefined>((resolve) => setTimeout(resolve, lossDelay));
  return device.unlessLost(later).catch((loss) => loss);
}
