import { type KvType, kvBlockLength, kvBytes, pageLength } from '../../kernels/parts/kv.ts';
import type { TileLimits } from '../weights/matrix.ts';
import { type PlannedModel, sum } from './activations.ts';
import { ConfigError, type ModelConfig } from './config.ts';
import type { Precision } from './graph.ts';
import { type Needs, needsOf } from './memory_needs.ts';
import { planStreamed } from './memory_streamed.ts';

/** The model does not fit into the memory that it may use. */
export class MemoryError extends Error {
  override name = 'MemoryError';
  /** The smallest budget that works, where one does. */
  readonly leastBytes: number | undefined;

  constructor(message: string, leastBytes?: number) {
    super(message);
    this.leastBytes = leastBytes;
  }
}

/** Where a model's parts go, and how long a context fits beside them. Sizes in bytes. */
export interface MemoryPlan {
  /** Resident on the GPU: matrices that are not streamed, and all vectors. */
  readonly weightBytes: number;
  /** Whether token_embd stays in its file, its rows gathered by the host. */
  readonly hostEmbeddings: boolean;
  readonly contextLength: number;
  /** Of the whole context, in whole pages; the cache takes them as positions come. */
  readonly kvBytes: number;
  /** Tokens of a prefill pass, at most. */
  readonly chunkLength: number;
  /** A recorded plan's own buffers, and the tables of steps and of sampling. */
  readonly activationBytes: number;
  readonly residentLayers: number;
  readonly streamedLayers: number;
  /** Names of the matrices that are streamed, of whole layers or the output's; none where all are resident. */
  readonly streamed: ReadonlySet<string>;
  /** A streamed row tile's, at most; 0 where nothing is streamed. */
  readonly tileBytes: number;
  /** Places on the GPU for streamed tiles, each of the largest. */
  readonly slotCount: number;
  /** The upload ring: so many pieces of at most `stagingBytes` in host memory, and as many, raw, on the GPU. */
  readonly stagingCount: number;
  readonly stagingBytes: number;
  /** Of the files: what one pass reads from them, or from the host's memory. */
  readonly bytesPerPass: number;
  /** All that stands on the GPU at once, at most. */
  readonly gpuBytes: number;
  /** The upload ring's. */
  readonly hostBytes: number;
}

export interface MemoryOptions {
  readonly limits: TileLimits;
  readonly kvType: KvType;
  readonly precision: Precision;
  readonly sequences: number;
  /** GPU memory for all of it; what is not known is not bounded. */
  readonly budgetBytes?: number | undefined;
  /** Positions asked for; otherwise what fits, at most what the model was trained for. */
  readonly contextLength?: number | undefined;
  /** Tokens of a prefill pass, at most. Default 512, and more where memory allows or each pass streams. */
  readonly chunkLength?: number | undefined;
}

/** KV may take this much where nobody knows the memory: an eighth of the weights, and at least 1 GiB. */
const unknownKvShare = 1 / 8;
const unknownKvBytes = 2 ** 30;
/** Tokens of a prefill pass of resident weights; more where their activations take no more than a share of the weights. */
const residentChunk = 512;
const longerChunks = [2048, 1024];
const longChunkShare = 1 / 16;
/** Shorter ones, where that keeps all weights resident. */
const shorterChunks = [256, 128];

/** Bytes that the keys and values of one position take, over all layers. */
export function kvBytesPerPosition({ blockCount, headCountKv, keyLength }: ModelConfig, type: KvType): number {
  return blockCount * headCountKv * keyLength * 2 * kvBytes[type];
}

/**
 * Decides before anything is allocated: all weights resident where they fit, then all but token_embd, then as many
 * layers as fit, the others streamed. `MemoryError` says the least that works; `ConfigError` where the model's heads
 * cannot be stored as `kvType`.
 */
export function planMemory(model: PlannedModel, options: MemoryOptions): MemoryPlan {
  checkHeads(model.config, options.kvType);
  const needs = needsOf(model, options, kvBytesPerPosition(model.config, options.kvType));
  const { budgetBytes, chunkLength = residentChunk } = options;
  const whole = planResident(needs, false, chunkLength, options);
  if (whole && options.chunkLength === undefined) return withLongerChunk(whole, needs, options);
  if (whole || budgetBytes === undefined) return whole as MemoryPlan;
  for (const chunk of [chunkLength, ...shorterChunks.filter((chunk) => chunk < chunkLength)]) {
    const plan = planResident(needs, needs.output !== undefined, chunk, options);
    if (plan) return plan;
  }
  const planned = planStreamed(needs, budgetBytes, options);
  if ('plan' in planned) return planned.plan;
  const [least, have] = [Math.ceil(planned.leastBytes / 2 ** 20), Math.floor(budgetBytes / 2 ** 20)];
  throw new MemoryError(
    `streaming all weights and a context of ${needs.leastContext} need ${least} MiB of GPU memory, and there are ${have} MiB`,
    planned.leastBytes,
  );
}

/** The plan with the longest chunk that is light beside the weights and leaves the context as long as it is. */
function withLongerChunk(plan: MemoryPlan, needs: Needs, options: MemoryOptions): MemoryPlan {
  for (const chunk of longerChunks) {
    if (chunk > plan.contextLength || needs.activationBytes(chunk, 0) > longChunkShare * plan.weightBytes) continue;
    const longer = planResident(needs, plan.hostEmbeddings, chunk, options);
    if (longer?.contextLength === plan.contextLength) return longer;
  }
  return plan;
}

/** About what a model takes where all of it is resident, with a context of its kind. */
export function wholeBytes({ tensors: { embeddings, output, matrices } }: PlannedModel): number {
  const parts = [embeddings, ...(output ? [output] : []), ...matrices].flatMap((spec) => spec.parts);
  const weightBytes = sum(parts.map(({ tensor }) => tensor.byteLength));
  return weightBytes + Math.max(unknownKvBytes, weightBytes * unknownKvShare);
}

function checkHeads({ keyLength }: ModelConfig, kvType: KvType): void {
  const block = kvBlockLength[kvType];
  if (keyLength % block === 0) return;
  const heads = `heads of ${keyLength} values`;
  throw new ConfigError(
    `${heads} cannot be stored as ${kvType}, by blocks of ${block}: use f16 or f32 for keys and values`,
  );
}

/** Nothing where it does not fit, with the shortest context that is worth it. */
function planResident(
  needs: Needs,
  hostEmbeddings: boolean,
  chunkLength: number,
  { budgetBytes, contextLength: asked }: MemoryOptions,
): MemoryPlan | undefined {
  const { embeddings, output, layers, vectorBytes, trainedContext, leastContext } = needs;
  const matrices = [...(hostEmbeddings ? [] : [embeddings]), ...layers, ...(output ? [output] : [])];
  const weightBytes = vectorBytes + sum(matrices.map(({ bytes }) => bytes));
  const ring = needs.ringWithin((budgetBytes ?? Number.POSITIVE_INFINITY) - weightBytes);
  const ringBytes = ring.stagingCount * ring.stagingBytes;
  const gpuBytes = (context: number) =>
    weightBytes + Math.max(ringBytes, needs.kvPeakBytes(context) + needs.activationBytes(chunkLength, context));
  if (budgetBytes !== undefined && gpuBytes(leastContext) > budgetBytes) return undefined;

  const room =
    budgetBytes === undefined ? undefined : budgetBytes - weightBytes - needs.activationBytes(chunkLength, 0);
  const fitting =
    room === undefined
      ? fittingContext(trainedContext, needs.kvPageBytes / pageLength, weightBytes)
      : Math.min(trainedContext, needs.pagesWithin(room) * pageLength);
  const contextLength = asked ?? Math.max(fitting, leastContext);
  return {
    weightBytes,
    hostEmbeddings,
    contextLength,
    kvBytes: needs.kvBytes(contextLength),
    chunkLength,
    activationBytes: needs.activationBytes(chunkLength, contextLength),
    residentLayers: layers.length,
    streamedLayers: 0,
    streamed: new Set(),
    tileBytes: 0,
    slotCount: 0,
    ...ring,
    bytesPerPass: 0,
    gpuBytes: gpuBytes(contextLength),
    hostBytes: ringBytes,
  };
}

/** Positions whose KV fits beside the weights, at most those trained: whole pages, where it is less than all. */
export function fittingContext(
  trained: number,
  bytesPerPosition: number,
  weightBytes: number,
  budgetBytes?: number,
): number {
  if (bytesPerPosition === 0) return trained;
  const kvBudget =
    budgetBytes === undefined ? Math.max(unknownKvBytes, weightBytes * unknownKvShare) : budgetBytes - weightBytes;
  const pages = Math.max(0, Math.floor(kvBudget / bytesPerPosition / pageLength));
  return Math.min(trained, pages * pageLength);
}
