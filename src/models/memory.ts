import { type KvType, kvBlockLength, kvBytes, pageLength } from '../../kernels/parts/kv.ts';
import type { Limits } from '../gpu/limits.ts';
import { type MatrixSpec, matrixBytes } from '../weights/matrix.ts';
import type { ModelTensors } from './architecture.ts';
import { ConfigError, type ModelConfig } from './config.ts';

/** The model does not fit into the memory that it may use. */
export class MemoryError extends Error {
  override name = 'MemoryError';
}

/** Where a model's parts go, and how long a context fits beside them. Sizes in bytes. */
export interface MemoryPlan {
  readonly weightBytes: number;
  /** Whether token_embd stays in its file, its rows gathered by the host. */
  readonly hostEmbeddings: boolean;
  readonly contextLength: number;
  readonly kvBytes: number;
}

export interface MemoryOptions {
  readonly limits: Limits;
  readonly kvType: KvType;
  /** GPU memory for weights and KV; what is not known is not bounded. */
  readonly budgetBytes?: number | undefined;
  /** Positions asked for; otherwise what fits, at most what the model was trained for. */
  readonly contextLength?: number | undefined;
}

/** The shortest context worth running with: a prompt and an answer. */
const smallestContext = 512;
/** KV may take this much where nobody knows the memory: an eighth of the weights, and at least 1 GiB. */
const unknownKvShare = 1 / 8;
const unknownKvBytes = 2 ** 30;

/** Bytes that the keys and values of one position take, over all layers. */
export function kvBytesPerPosition({ blockCount, headCountKv, keyLength }: ModelConfig, type: KvType): number {
  return blockCount * headCountKv * keyLength * 2 * kvBytes[type];
}

/**
 * Decides before anything is allocated. `MemoryError` says what is wanted and what there is; `ConfigError` where the
 * model's heads cannot be stored as `kvType`.
 */
export function planMemory(tensors: ModelTensors, config: ModelConfig, options: MemoryOptions): MemoryPlan {
  const { limits, kvType, budgetBytes, contextLength } = options;
  checkHeads(config, kvType);
  const bytesOf = (specs: readonly (MatrixSpec | undefined)[]) =>
    specs.reduce((sum, spec) => sum + (spec ? matrixBytes(spec, limits) : 0), 0);
  const embeddingBytes = bytesOf([tensors.embeddings]);
  const otherBytes = bytesOf([...tensors.matrices, tensors.output]);
  const perPosition = kvBytesPerPosition(config, kvType);
  const leastKv = perPosition * (contextLength ?? Math.min(config.contextLength, smallestContext));

  const allFit = budgetBytes === undefined || embeddingBytes + otherBytes + leastKv <= budgetBytes;
  const hostEmbeddings = !allFit && tensors.output !== undefined;
  const weightBytes = otherBytes + (hostEmbeddings ? 0 : embeddingBytes);
  if (budgetBytes !== undefined && weightBytes + leastKv > budgetBytes) {
    const [need, have] = [weightBytes + leastKv, budgetBytes].map((bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`);
    throw new MemoryError(
      `weights and a context of ${Math.round(leastKv / perPosition)} need ${need} of GPU memory, and there are ${have}`,
    );
  }
  const fitting = fittingContext(config.contextLength, perPosition, weightBytes, budgetBytes);
  const context = contextLength ?? Math.max(fitting, Math.min(config.contextLength, smallestContext));
  return { weightBytes, hostEmbeddings, contextLength: context, kvBytes: context * perPosition };
}

function checkHeads({ keyLength }: ModelConfig, kvType: KvType): void {
  const block = kvBlockLength[kvType];
  if (keyLength % block === 0) return;
  const heads = `heads of ${keyLength} values`;
  throw new ConfigError(
    `${heads} cannot be stored as ${kvType}, by blocks of ${block}: use f16 or f32 for keys and values`,
  );
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
