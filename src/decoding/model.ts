import type { KvType } from '../../kernels/parts/kv.ts';
import { mostLikely } from '../../kernels/parts/sampling.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { type Device, withoutRaces } from '../gpu/device.ts';
import { OutOfMemoryError } from '../gpu/errors.ts';
import { Pipelines } from '../gpu/pipelines.ts';
import { allResident, type Plan, Recorder } from '../gpu/plan.ts';
import { type KernelTime, type ProfiledBy, profilePlan } from '../gpu/profile.ts';
import { Readbacks } from '../gpu/readback.ts';
import type { TuneLimits } from '../gpu/tune.ts';
import type { ForwardActivations } from '../models/architecture.ts';
import type { ModelConfig } from '../models/config.ts';
import { type Activation, Graph, type Precision } from '../models/graph.ts';
import { type LoadedModel, loadModel, type ModelHeader, type WeightsOptions } from '../models/load.ts';
import { MemoryError, type MemoryOptions, type MemoryPlan, planMemory } from '../models/memory.ts';
import { StepTables, type StepToken, stepLimits } from '../models/step.ts';
import type { TileStream } from '../weights/stream.ts';
import { KvCache } from './kv_cache.ts';
import { type RowSampling, type SampledCounts, SamplingTables, type SequenceState } from './sampling_tables.ts';
import { copyScores, type RowScoring, type TokenScore } from './scoring.ts';
import { reserveTrialPositions, tuneLimits, tuneRecorded } from './tune_model.ts';

export interface ModelOptions extends WeightsOptions {
  /** The numeric class: f32 throughout, or int8 activations for Q8_0 and f16 KV. Default `fast`. */
  precision?: Precision;
  /** How keys and values are stored. Default f32 for `exact`, f16 for `fast`. */
  kvType?: KvType;
  /** Sequences that are held at once, and generated together. They share the context. Default 1. */
  sequences?: number;
  /** Beginnings of texts that the cache holds beside the sequences' own, while the context has room. Default 0. */
  cachedPrefixes?: number;
  /** Tokens of a prefill step, at most. Default 512, or as memory allows: fewer, and up to 2,048 where weights are streamed. */
  chunkLength?: number;
}

/** A token as a caller knows it; its place in the cache is found here. */
export interface BatchToken extends Omit<StepToken, 'kvSlot'> {
  /** How the token after it is chosen, on the GPU; of a sequence's tokens in a step at most one feeds the next. */
  readonly sampling?: RowSampling | undefined;
}

/** A step, and which of its results the host reads; scores and hidden states wherever a token wants them. */
export interface Batch {
  readonly prefill?: readonly BatchToken[];
  readonly decode?: readonly BatchToken[];
  /** Of the tokens that want logits. Default: none of them. */
  readonly reads?: 'ids' | 'logits' | 'ids and logits';
  /** For `logits`: of those tokens the first that is read, and how many are. Default: all of them. */
  readonly logitRows?: { readonly first: number; readonly count: number };
  /** Asked between streamed tiles and between submissions; once false, the step is left where it stands, with an `AbandonedError`. */
  readonly isWanted?: () => boolean;
}

/** What came of a step, in the order of its tokens. */
export interface StepResults {
  /** Tokens that were chosen, [logits]; `noToken` where the logits were no numbers. */
  readonly ids: Uint32Array;
  /** Logits, [logits, vocabLength]. */
  readonly rows: Float32Array;
  /** [scored] */
  readonly scores: readonly TokenScore[];
  /** The last hidden states, [wantsHidden, embeddingLength]. */
  readonly hidden: Float32Array;
}

/** Which step is profiled. */
export interface ProfileOptions {
  /** Tokens of the step, as many as the phase takes at most. Default 1. */
  tokens?: number;
  /** `prefill` takes in a prompt; `decode` goes on with a text, or verifies a guess. Default by `tokens`. */
  phase?: 'prefill' | 'decode';
  /** Positions before them, whatever the cache holds there. Default 0. */
  depth?: number;
  /** Default `kernel`. */
  by?: ProfiledBy;
}

/** How long the link of streamed weights is measured. */
const linkSeconds = 1;
/** Of the memory that a plan took and the device did not have, what the next plan may take. */
const budgetShrink = 0.8;
/** Tokens of a prefill step at first; then as many as take between a quarter of a second and a second. */
const firstPrefill = 512;
const shortStepMilliseconds = 250;
const longStepMilliseconds = 1000;

/** Steps that are submitted before the first of them is read. */
const maxAhead = 4;

interface Parts extends LoadedModel {
  readonly device: Device;
  readonly pipelines: Pipelines;
  readonly form: Omit<MemoryOptions, 'budgetBytes'>;
  readonly precision: Precision;
  readonly kv: KvCache;
  readonly tables: StepTables;
  readonly sampling: SamplingTables;
  readonly readbacks: Readbacks;
}

/** `forward` as it was recorded for one generation of the cache's buffers. */
interface Recorded extends ForwardActivations {
  readonly generation: number;
  readonly plan: Plan<SampledCounts>;
  readonly ids: GPUBuffer;
}

/** A model on a GPU: weights, cache, and the recorded plan that every step replays. */
export class Model {
  readonly #parts: Parts;
  #recorded: Recorded | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #pagesVersion = -1;
  /** Whether rows can be scored; the plan is made anew when that is first asked for. */
  #scores = false;
  #closed = false;
  readonly #encoding = { steps: 0, milliseconds: 0 };
  #prefillLength = firstPrefill;
  /** When the last step was done. */
  #done = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * `budgetBytes`: what is known of the adapter's memory, where options name none. Where less can be allocated than was
   * thought, weights move from resident to streamed, until it is enough.
   */
  static async load(
    header: ModelHeader,
    device: Device,
    budgetBytes: number | undefined,
    options: ModelOptions,
  ): Promise<Model> {
    const { precision = 'fast', sequences = 1, contextLength, chunkLength } = options;
    const kvType = options.kvType ?? (precision === 'exact' ? 'f32' : 'f16');
    const form = { limits: device.limits, kvType, precision, sequences, contextLength, chunkLength };
    const tuned = options.tune === 'off' ? withoutRaces(device) : device;
    const pipelines = new Pipelines(tuned);
    let memory = planMemory(header, { ...form, budgetBytes: options.gpuMemoryBytes ?? budgetBytes });
    for (;;) {
      try {
        return await Model.#open(header, tuned, pipelines, memory, form, options);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        memory = planMemory(header, { ...form, budgetBytes: memory.gpuBytes * budgetShrink });
      }
    }
  }

  static async #open(
    header: ModelHeader,
    device: Device,
    pipelines: Pipelines,
    memory: MemoryPlan,
    form: Omit<MemoryOptions, 'budgetBytes'>,
    options: ModelOptions,
  ): Promise<Model> {
    const loaded = await loadModel(header, device, pipelines, memory, options);
    const { config, weights, frequencies } = loaded;
    const { kvType, precision, sequences } = form;
    const { chunkLength, contextLength } = memory;
    const made: { destroy(): unknown }[] = [weights];
    const own = <T extends { destroy(): void }>(resource: T): T => {
      made.push(resource);
      return resource;
    };
    try {
      const kv = own(
        await KvCache.create(device, config, {
          type: kvType,
          sequences,
          shelves: options.cachedPrefixes ?? 0,
          contextLength,
        }),
      );
      const limits = stepLimits(config, { chunkLength, sequences, contextLength });
      const tables = own(await StepTables.create(device, config, frequencies, limits));
      const sampling = own(await SamplingTables.create(device, config.vocabLength, limits.maxLogits, sequences));
      const readbacks = own(new Readbacks(device));
      const model = new Model({ ...loaded, device, pipelines, form, precision, kv, tables, sampling, readbacks });
      await model.#record(tuneLimits(options.tune, memory, options.signal));
      if (weights.stream) {
        await weights.stream.measureLink(linkSeconds); // a pass of it is dear, and compiling little beside it
      } else await model.#warmUp();
      return model;
    } catch (error) {
      await Promise.all(made.map((resource) => resource.destroy()));
      throw error;
    }
  }

  /** Drivers compile at a pipeline's first dispatch: one token in each phase pays for that now, not in a first answer. */
  async #warmUp(): Promise<void> {
    const { kv } = this.#parts;
    const token = { id: 0, position: 0, sequence: 0, wantsLogits: true, sampling: { ...mostLikely, feeds: false } };
    await this.read({ prefill: [token], reads: 'ids' });
    await this.read({ decode: [token], reads: 'ids' }); // wider ones compile when they are first used, if they are
    kv.truncate(0, 0);
  }

  get config(): ModelConfig {
    return this.#parts.config;
  }

  /** GPU memory that it could do with after an allocation has failed; undefined where less would not do. */
  get smallerBudget(): number | undefined {
    const { memory, form } = this.#parts;
    const budgetBytes = memory.gpuBytes * budgetShrink;
    try {
      planMemory(this.#parts, { ...form, budgetBytes });
      return budgetBytes;
    } catch (error) {
      if (error instanceof MemoryError) return undefined;
      throw error;
    }
  }

  get memory(): MemoryPlan {
    return this.#parts.memory;
  }

  /** What brings the weights that are streamed; undefined where all are resident. */
  get stream(): TileStream | undefined {
    return this.#parts.weights.stream;
  }

  get kv(): KvCache {
    return this.#parts.kv;
  }

  get device(): Device {
    return this.#parts.device;
  }

  get precision(): Precision {
    return this.#parts.precision;
  }

  /** Sequences that are held at once. */
  get sequences(): number {
    return this.#parts.tables.limits.sequences;
  }

  /** Tokens that a step's prefill phase had best have: all that it may where a pass streams, else by what steps took. */
  get prefillLength(): number {
    return this.stream ? this.maxPrefill : Math.min(this.#prefillLength, this.maxPrefill);
  }

  /** A step of so many tokens was done, submitted at `began`. */
  #learnPrefill(length: number, began: number): void {
    const milliseconds = performance.now() - Math.max(began, this.#done);
    this.#done = performance.now();
    if (length < this.prefillLength) return;
    if (milliseconds < shortStepMilliseconds) this.#prefillLength = Math.min(2 * length, this.maxPrefill);
    if (milliseconds > longStepMilliseconds) this.#prefillLength = Math.max(length / 2, firstPrefill);
  }

  /** Tokens that a step's prefill phase may have. */
  get maxPrefill(): number {
    return this.#parts.tables.limits.maxTokens - this.maxDecode;
  }

  /** Tokens that a step's decode phase may have. */
  get maxDecode(): number {
    return this.#parts.tables.limits.maxDecode;
  }

  /** Tokens of a step whose logits may be wanted. */
  get maxLogits(): number {
    return this.#parts.tables.limits.maxLogits;
  }

  /** Steps that may be on their way at once. Embeddings that the host gathers need to know each token: one. */
  get maxAhead(): number {
    const { hostEmbeddings, weights } = this.#parts;
    return hostEmbeddings || weights.stream ? 1 : maxAhead;
  }

  /** Tokens of a step of which anything may be wanted. */
  get maxRows(): number {
    return this.#parts.tables.limits.maxRows;
  }

  /** What the sampling of a sequence's next tokens looks back on; before the first of them. */
  writeSamplingState(sequence: number, state: SequenceState): void {
    this.#parts.sampling.writeState(sequence, state);
  }

  /**
   * Submits a step. Resolves when it is on its way; `results` waits for the GPU. Rejects with `NoRoomError` where the
   * cache has no room for one of its sequences.
   */
  submit(batch: Batch): Promise<{ results(): Promise<StepResults> }> {
    return this.#inTurn(() => this.#submit(batch));
  }

  /** Changes the cache between two steps. */
  edit<T>(change: (kv: KvCache) => T): Promise<T> {
    return this.#inTurn(async () => change(this.#parts.kv));
  }

  /** GPU time by kernel of a step in `sequence`, whose cache it spoils. */
  profile(sequence: number, options: ProfileOptions): Promise<KernelTime[]> {
    const { tokens = 1, depth = 0, by = 'kernel', phase = tokens === 1 ? 'decode' : 'prefill' } = options;
    return this.#inTurn(async () => {
      const sampling = { ...mostLikely, feeds: false };
      const step = Array.from({ length: tokens }, (_, i) => {
        const isLast = i === tokens - 1;
        return { id: 0, position: depth + i, sequence, wantsLogits: isLast, ...(isLast && { sampling }) };
      });
      const { results, counts } = await this.#submit({ [phase]: step, reads: 'ids' });
      await results();
      return profilePlan(this.device, this.#recorded!.plan, counts, by);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Submits a step and waits for its results. */
  async read(batch: Batch): Promise<StepResults> {
    const { results } = await this.submit(batch);
    return results();
  }

  async #submit(batch: Batch): Promise<{ counts: SampledCounts; results(): Promise<StepResults> }> {
    const { prefill = [], decode = [], isWanted } = batch;
    if (this.#closed) throw new Error('the model is closed');
    const { kv, tables, sampling, hostEmbeddings, device, readbacks } = this.#parts;
    for (const tokens of [prefill, decode]) await this.#reserve(tokens);
    const scorings = [...prefill, ...decode].flatMap(({ scoring }) => scoring ?? []);
    if (scorings.length > 0 && !this.#scores) {
      this.#scores = true;
      this.#destroyRecorded();
    }
    const recorded = this.#isUpToDate() ? (this.#recorded as Recorded) : await this.#record();
    if (this.#pagesVersion !== kv.version) tables.writePages(kv.pageTable);
    this.#pagesVersion = kv.version;

    const began = performance.now();
    const place = (token: BatchToken) => ({ ...token, kvSlot: kv.slot(token.sequence, token.position) });
    const step = { prefill: prefill.map(place), decode: decode.map(place) };
    const rows = [...prefill, ...decode].filter(({ wantsLogits }) => wantsLogits).map((token) => token.sampling);
    const counts = sampling.write(tables.write(step), rows);
    if (hostEmbeddings) {
      const embeddings = await hostEmbeddings.gather([...prefill, ...decode].map(({ id }) => id));
      device.gpu.queue.writeBuffer(recorded.x.buffer, 0, embeddings);
    }
    let copies: ResultCopies = {};
    const copyResults = (encoder: GPUCommandEncoder) => {
      copies = copiesOf(encoder, readbacks, recorded, counts, batch, scorings);
    };
    await recorded.plan.replay(counts, copyResults, { isWanted, long: prefill.length > 0 });
    this.#encoding.steps++;
    this.#encoding.milliseconds += performance.now() - began;
    return {
      counts,
      results: async () => {
        const { ids, rows, scores, hidden } = copies;
        if (!(ids ?? rows ?? scores ?? hidden)) await device.unlessLost(device.gpu.queue.onSubmittedWorkDone());
        const read = await Promise.all([ids?.read(), rows?.read(), scores?.read(), hidden?.read()]);
        this.#learnPrefill(prefill.length, began);
        return {
          ids: new Uint32Array(read[0] ?? nothing),
          rows: withoutPadding(new Float32Array(read[1] ?? nothing), recorded.logits),
          scores: read[2] ?? [],
          hidden: withoutPadding(new Float32Array(read[3] ?? nothing), recorded.hidden),
        };
      },
    };
  }

  /** Room for all tokens; those of a sequence stand together. */
  async #reserve(tokens: readonly BatchToken[]): Promise<void> {
    const { kv } = this.#parts;
    for (let first = 0, end = 1; first < tokens.length; first = end++) {
      const { sequence, position } = tokens[first] as BatchToken;
      while (tokens[end]?.sequence === sequence) end++;
      if (kv.isReserved(sequence, position, position + end - first)) continue;
      try {
        await kv.reserve(sequence, position, position + end - first);
      } catch (error) {
        throw new NoRoomError(sequence, error as Error);
      }
    }
  }

  #isUpToDate(): boolean {
    return this.#recorded?.generation === this.#parts.kv.generation;
  }

  /** The plan, made anew where the cache has moved to larger buffers. */
  async #record(tuning?: TuneLimits): Promise<Recorded> {
    const { device, pipelines, config, precision, architecture, weights, kv, tables, sampling } = this.#parts;
    this.#destroyRecorded();
    if (tuning) await reserveTrialPositions(this.#parts);
    const { generation } = kv;
    const recorder = new Recorder<SampledCounts>(device, pipelines);
    const graph = new Graph(recorder, config, tables, precision, this.#scores);
    const activations = architecture.forward(graph, config, weights, kv);
    const ids = sampling.record(recorder, activations.logits, tables);
    if (tuning) await tuneRecorded(this.#parts, recorder, tuning);
    const plan = await recorder.finish(weights.stream ?? allResident);
    if (this.#closed) {
      plan.destroy();
      throw new Error('the model is closed');
    }
    this.#recorded = { ...activations, generation, plan, ids };
    return this.#recorded;
  }

  #destroyRecorded(): void {
    this.#recorded?.plan.destroy();
    this.#recorded = undefined;
  }

  /** Steps so far, and the time that the host took to write their tables, to encode and to submit them. */
  get encoding(): { readonly steps: number; readonly milliseconds: number } {
    return { ...this.#encoding };
  }

  /** Bytes of the file that every decoded token goes through: all matrices, one row of the embeddings aside. */
  get weightBytesPerToken(): number {
    const { embeddings, matrices, output } = this.#parts.tensors;
    const parts = [...matrices, output ?? embeddings].flatMap((matrix) => matrix.parts);
    return parts.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
  }

  /** Dispatches that a step of one decoded token makes, which is chosen greedily; 0 before the first step. */
  dispatchesPerToken(): number {
    const one = { tokens: 1, decode: 1, rows: 1, logits: 1, decodeLogits: 1, decodeItems: 1, sampled: 1 };
    const none = { prefill: 0, prefillLogits: 0, prefillItems: 0, scored: 0, changed: 0, filtered: 0 };
    return this.#recorded?.plan.dispatchCount({ ...one, ...none }) ?? 0;
  }

  /** Frees all GPU memory; steps from now on are refused. Resolves when nothing is read from the file any more. */
  async destroy(): Promise<void> {
    this.#closed = true;
    const { weights, kv, tables, sampling, readbacks } = this.#parts;
    this.#destroyRecorded();
    for (const resource of [kv, tables, sampling, readbacks]) resource.destroy();
    await weights.destroy();
  }
}

/** The cache has no room for a sequence: the context is full, or the memory. */
export class NoRoomError extends Error {
  override name = 'NoRoomError';
  readonly sequence: number;
  override readonly cause: Error;

  constructor(sequence: number, cause: Error) {
    super(cause.message);
    this.sequence = sequence;
    this.cause = cause;
  }
}

const nothing = new ArrayBuffer(0);

interface ResultCopies {
  readonly ids?: { read(): Promise<ArrayBuffer> } | undefined;
  readonly rows?: { read(): Promise<ArrayBuffer> } | undefined;
  readonly scores?: { read(): Promise<TokenScore[]> } | undefined;
  readonly hidden?: { read(): Promise<ArrayBuffer> } | undefined;
}

/** Records copies of what the host reads of a step, and of nothing else. */
function copiesOf(
  encoder: GPUCommandEncoder,
  readbacks: Readbacks,
  { ids, logits, hidden, scores }: Recorded,
  counts: SampledCounts,
  { reads, logitRows = { first: 0, count: counts.logits } }: Batch,
  scorings: readonly RowScoring[],
): ResultCopies {
  const rowsOf = ({ buffer, length }: Activation, first: number, count: number) => {
    const rowBytes = paddedLength(length) * 4;
    return count > 0 ? readbacks.copy(encoder, buffer, count * rowBytes, first * rowBytes) : undefined;
  };
  const others = counts.logits + counts.scored;
  return {
    ids: reads?.startsWith('ids') ? readbacks.copy(encoder, ids, counts.logits * 4) : undefined,
    rows: reads?.endsWith('logits') ? rowsOf(logits, logitRows.first, logitRows.count) : undefined,
    scores: scores && counts.scored > 0 ? copyScores(encoder, readbacks, scores, counts.logits, scorings) : undefined,
    hidden: rowsOf(hidden, others, counts.rows - others),
  };
}

function withoutPadding(padded: Float32Array<ArrayBuffer>, { length }: Activation): Float32Array {
  const stride = paddedLength(length);
  if (stride === length) return padded;
  const count = padded.length / stride;
  const rows = new Float32Array(count * length);
  for (let r = 0; r < count; r++) rows.set(padded.subarray(r * stride, r * stride + length), r * length);
  return rows;
}
