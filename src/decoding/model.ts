import type { KvType } from '../../kernels/parts/kv.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { createBuffer, readMapped } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { Pipelines } from '../gpu/pipelines.ts';
import { allResident, type Plan, Recorder } from '../gpu/plan.ts';
import type { ModelConfig } from '../models/config.ts';
import { type Activation, Graph, type Precision } from '../models/graph.ts';
import { type LoadedModel, loadModel, type ModelHeader, type WeightsOptions } from '../models/load.ts';
import type { MemoryPlan } from '../models/memory.ts';
import { type StepCounts, StepTables, type StepToken } from '../models/step.ts';
import { KvCache } from './kv_cache.ts';

export interface ModelOptions extends WeightsOptions {
  /** Default `fast`. */
  precision?: Precision;
  /** Default f32 for `exact`, f16 for `fast`. */
  kvType?: KvType;
  /** Sequences that are held at once. Default 1. */
  sequences?: number;
  /** Tokens of a prefill step, at most. Default 512. */
  chunkLength?: number;
}

/** A token as a caller knows it; its place in the cache is found here. */
export type BatchToken = Omit<StepToken, 'kvSlot'>;

const defaultChunkLength = 512;
/** Tokens of a step's decode phase: the widest matmul of that family. */
const maxDecode = 8;
/** Logits of a step take at most this much: 32 rows of ALIA's vocabulary. */
const maxLogitsBytes = 32 * 2 ** 20;

interface Parts extends LoadedModel {
  readonly device: Device;
  readonly pipelines: Pipelines;
  readonly precision: Precision;
  readonly kv: KvCache;
  readonly tables: StepTables;
}

/** `forward` as it was recorded for one generation of the cache's buffers. */
interface Recorded {
  readonly generation: number;
  readonly plan: Plan<StepCounts>;
  readonly x: Activation;
  readonly logits: Activation;
  readonly ids: GPUBuffer;
}

/** A model on a GPU: weights, cache, and the recorded plan that every step replays. */
export class Model {
  readonly #parts: Parts;
  readonly #logitsReadback: GPUBuffer;
  readonly #idsReadback: GPUBuffer;
  #recorded: Recorded | undefined;
  #closed = false;

  private constructor(parts: Parts, logitsReadback: GPUBuffer, idsReadback: GPUBuffer) {
    this.#parts = parts;
    this.#logitsReadback = logitsReadback;
    this.#idsReadback = idsReadback;
  }

  /** `budgetBytes`: what is known of the adapter's memory, where options name none. */
  static async load(
    header: ModelHeader,
    device: Device,
    budgetBytes: number | undefined,
    options: ModelOptions,
  ): Promise<Model> {
    const { precision = 'fast', sequences = 1, chunkLength = defaultChunkLength } = options;
    const kvType = options.kvType ?? (precision === 'exact' ? 'f32' : 'f16');
    const pipelines = new Pipelines(device);
    const loaded = await loadModel(header, device, pipelines, kvType, budgetBytes, options);
    const { config, memory, weights, frequencies } = loaded;
    const made: { destroy(): void }[] = [weights];
    const own = <T extends { destroy(): void }>(resource: T): T => {
      made.push(resource);
      return resource;
    };
    try {
      const kv = own(
        await KvCache.create(device, config, { type: kvType, sequences, contextLength: memory.contextLength }),
      );
      const rowBytes = paddedLength(config.vocabLength) * 4;
      const maxLogits = Math.max(maxDecode, Math.min(chunkLength, Math.floor(maxLogitsBytes / rowBytes)));
      const limits = { maxTokens: chunkLength + maxDecode, maxLogits, maxDecode, sequences, maxPages: kv.maxPages };
      const tables = own(await StepTables.create(device, config, frequencies, limits));
      const logitsReadback = own(await createBuffer(device, 'logits readback', maxLogits * rowBytes, 'readback'));
      const idsReadback = own(await createBuffer(device, 'ids readback', maxLogits * 4, 'readback'));
      const parts = { ...loaded, device, pipelines, precision, kv, tables };
      const model = new Model(parts, logitsReadback, idsReadback);
      await model.#warmUp();
      return model;
    } catch (error) {
      for (const resource of made) resource.destroy();
      throw error;
    }
  }

  /** Drivers compile at a pipeline's first dispatch: one token in each phase pays for that now, not in a first answer. */
  async #warmUp(): Promise<void> {
    const token = { id: 0, position: 0, sequence: 0, wantsLogits: true };
    await this.readArgmax([token]);
    await this.readArgmax([], [token]);
    this.kv.clear();
  }

  get config(): ModelConfig {
    return this.#parts.config;
  }

  get memory(): MemoryPlan {
    return this.#parts.memory;
  }

  get kv(): KvCache {
    return this.#parts.kv;
  }

  /** Tokens that a step's prefill phase may have. */
  get maxPrefill(): number {
    return this.#parts.tables.limits.maxTokens - maxDecode;
  }

  /** Tokens of a step whose logits may be wanted. */
  get maxLogits(): number {
    return this.#parts.tables.limits.maxLogits;
  }

  /** Runs a step: submitted when the promise resolves, and seen by all later ones. */
  async run(prefill: readonly BatchToken[], decode: readonly BatchToken[] = []): Promise<void> {
    await this.#replay(prefill, decode);
  }

  /** Runs a step and returns the logits of the tokens that want them, [logits, vocabLength]. Waits for the GPU. */
  async readLogits(prefill: readonly BatchToken[], decode: readonly BatchToken[] = []): Promise<Float32Array> {
    const { vocabLength } = this.config;
    const stride = paddedLength(vocabLength);
    const counts = await this.#replay(prefill, decode, (encoder, { logits }, rows) =>
      encoder.copyBufferToBuffer(logits.buffer, 0, this.#logitsReadback, 0, rows * stride * 4),
    );
    const padded = new Float32Array(
      await readMapped(this.#parts.device, this.#logitsReadback, counts.logits * stride * 4),
    );
    const rows = new Float32Array(counts.logits * vocabLength);
    for (let r = 0; r < counts.logits; r++)
      rows.set(padded.subarray(r * stride, r * stride + vocabLength), r * vocabLength);
    return rows;
  }

  /** Runs a step and returns the most likely token after each that wants logits. Waits for the GPU. */
  async readArgmax(prefill: readonly BatchToken[], decode: readonly BatchToken[] = []): Promise<Uint32Array> {
    const counts = await this.#replay(prefill, decode, (encoder, { ids }, rows) =>
      encoder.copyBufferToBuffer(ids, 0, this.#idsReadback, 0, rows * 4),
    );
    return new Uint32Array(await readMapped(this.#parts.device, this.#idsReadback, counts.logits * 4));
  }

  async #replay(
    prefill: readonly BatchToken[],
    decode: readonly BatchToken[],
    copy?: (encoder: GPUCommandEncoder, recorded: Recorded, logits: number) => void,
  ): Promise<StepCounts> {
    if (this.#closed) throw new Error('the model is closed');
    const { kv, tables, hostEmbeddings, device } = this.#parts;
    const lengths = new Map([...prefill, ...decode].map(({ sequence, position }) => [sequence, position + 1])); // its last
    for (const [sequence, length] of lengths) {
      if (await kv.reserve(sequence, length)) tables.writePages(kv.pageTable);
    }
    const recorded = await this.#upToDate();
    const place = (token: BatchToken) => ({ ...token, kvSlot: kv.slot(token.sequence, token.position) });
    const counts = tables.write({ prefill: prefill.map(place), decode: decode.map(place) });
    if (hostEmbeddings) {
      const rows = await hostEmbeddings.gather([...prefill, ...decode].map(({ id }) => id));
      device.gpu.queue.writeBuffer(recorded.x.buffer, 0, rows);
    }
    await recorded.plan.replay(counts, (encoder) => copy?.(encoder, recorded, counts.logits));
    return counts;
  }

  /** The recorded plan, made anew where the cache has moved to larger buffers. */
  async #upToDate(): Promise<Recorded> {
    const { device, pipelines, config, precision, architecture, weights, kv, tables } = this.#parts;
    if (this.#recorded?.generation === kv.generation) return this.#recorded;
    this.#recorded?.plan.destroy();
    this.#recorded = undefined;
    const recorder = new Recorder<StepCounts>(device, pipelines);
    const graph = new Graph(recorder, config, tables, precision);
    const { x, logits } = architecture.forward(graph, config, weights, kv);
    const ids = graph.argmax(logits);
    const plan = await recorder.finish(allResident);
    this.#recorded = { generation: kv.generation, plan, x, logits, ids };
    return this.#recorded;
  }

  /** Dispatches that a step of one decoded token makes; 0 before the first step. */
  dispatchesPerToken(): number {
    const one = { tokens: 1, decode: 1, logits: 1, decodeLogits: 1, decodeItems: 1 };
    const none = { prefill: 0, prefillLogits: 0, prefillItems: 0, partials: 0 };
    return this.#recorded?.plan.dispatchCount({ ...one, ...none }) ?? 0;
  }

  /** Frees all GPU memory; steps from now on are refused. */
  destroy(): void {
    this.#closed = true;
    const { weights, kv, tables } = this.#parts;
    this.#recorded?.plan.destroy();
    for (const resource of [weights, kv, tables, this.#logitsReadback, this.#idsReadback]) resource.destroy();
  }
}
