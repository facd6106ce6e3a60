/** What a model that this engine cannot run would need of memory, as far as its header says: all of it resident. */
import { kvBytes } from '../../kernels/parts/kv.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import { fittingContext } from '../models/memory.ts';
import type { PlanOptions } from './plan.ts';

/** All sizes in bytes. */
export interface MemoryEstimate {
  readonly residentLayers: number;
  readonly streamedLayers: 0;
  /** Weights and KV cache. */
  readonly gpuBytes: number;
  /** Weights that one pass reads, whatever the number of its tokens. */
  readonly bytesPerPass: number;
  readonly weightBytes: number;
  readonly contextLength: number;
  readonly kvBytes: number;
  /** 0 where the file does not say its heads, as a vocabulary's. */
  readonly kvBytesPerToken: number;
}

/** Of layers, heads, lengths: products of a few stay finite. */
const MAX_COUNT = 2 ** 40;

export function estimateMemory(gguf: Gguf, options: PlanOptions): MemoryEstimate {
  const tensors = [...gguf.tensors.values()];
  const weightBytes = sumBytes(tensors);
  const kvBytesPerToken = Math.ceil(kvElementsPerToken(gguf) * kvBytes[options.kvType]);
  const contextLength =
    options.contextLength ??
    fittingContext(modelCount(gguf, 'context_length') ?? 0, kvBytesPerToken, weightBytes, options.gpuMemoryBytes);
  return {
    residentLayers: layerCount(tensors),
    streamedLayers: 0,
    gpuBytes: weightBytes + kvBytesPerToken * contextLength,
    bytesPerPass: bytesReadByPass(gguf),
    weightBytes,
    contextLength,
    kvBytes: kvBytesPerToken * contextLength,
    kvBytesPerToken,
  };
}

/** Weights that a pass reads wherever they are. */
export function bytesReadByPass(gguf: Gguf): number {
  return sumBytes([...gguf.tensors.values()].filter((tensor) => isReadWhole(tensor, gguf)));
}

function sumBytes(tensors: readonly TensorInfo[]): number {
  return tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
}

/** Of the embeddings only a token's row is read, unless they are the output matrix too. */
function isReadWhole(tensor: TensorInfo, gguf: Gguf): boolean {
  return tensor.name !== 'token_embd.weight' || !gguf.tensors.has('output.weight');
}

function layerCount(tensors: readonly TensorInfo[]): number {
  return new Set(tensors.map(({ name }) => /^blk\.(\d+)\./.exec(name)?.[1]).filter((layer) => layer !== undefined))
    .size;
}

/** Keys and values of all layers; a layer may have its own number of heads. */
function kvElementsPerToken(gguf: Gguf): number {
  const layers = modelCount(gguf, 'block_count') ?? 0;
  const headCount = modelCount(gguf, 'attention.head_count') ?? 0;
  if (headCount === 0) return 0;
  const headLength = (modelCount(gguf, 'embedding_length') ?? 0) / headCount;
  const keyLength = modelCount(gguf, 'attention.key_length') ?? headLength;
  const valueLength = modelCount(gguf, 'attention.value_length') ?? headLength;
  return kvHeads(gguf, layers, headCount) * (keyLength + valueLength);
}

/** The heads of all layers together. */
function kvHeads(gguf: Gguf, layers: number, headCount: number): number {
  const perLayer = gguf.metadata.get(modelKey(gguf, 'attention.head_count_kv'));
  if (!ArrayBuffer.isView(perLayer)) return layers * (modelCount(gguf, 'attention.head_count_kv') ?? headCount);
  let heads = 0;
  for (const count of perLayer as Iterable<number | bigint>) heads += asCount(count) ?? 0;
  return heads;
}

function modelCount(gguf: Gguf, name: string): number | undefined {
  return asCount(gguf.metadata.get(modelKey(gguf, name)));
}

/** Nothing where a file states no number, or one that counts nothing: a plan of lies is still a plan. */
function asCount(value: unknown): number | undefined {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_COUNT;
  return isCount ? value : undefined;
}

function modelKey(gguf: Gguf, name: string): string {
  return `${gguf.metadata.get('general.architecture')}.${name}`;
}
