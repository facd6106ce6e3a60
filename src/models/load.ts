import { maxHeadLength } from '../../kernels/flash_attn.ts';
import type { KvType } from '../../kernels/parts/kv.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { HostRows } from '../weights/host_rows.ts';
import { type LoadProgress, loadWeights, readValues, type Weights } from '../weights/load.ts';
import type { Architecture, ModelTensors } from './architecture.ts';
import { ConfigError, type ConfigOverrides, type ModelConfig, modelConfig } from './config.ts';
import { architectures } from './index.ts';
import { type MemoryPlan, planMemory } from './memory.ts';
import { ropeFrequencies } from './rope.ts';

export interface WeightsOptions {
  /** Positions, of all sequences together. Default: what fits, at most what the model was trained for. */
  contextLength?: number;
  /** GPU memory for weights, keys and values, in bytes. Default: what is known of the adapter's. */
  gpuMemoryBytes?: number;
  /** Instead of what the file says. Default: nothing. */
  overrides?: ConfigOverrides;
  /** Ends loading; the promise rejects with its reason. Default: nothing does. */
  signal?: AbortSignal;
  /** Is told how far loading has come. Default: nobody is. */
  onProgress?: (progress: LoadProgress) => void;
}

/** What a file's header says of its model: checked, before a GPU is asked for anything. */
export interface ModelHeader {
  readonly config: ModelConfig;
  readonly architecture: Architecture;
  readonly tensors: ModelTensors;
  readonly ropeFreqs: TensorInfo | undefined;
}

/** `ConfigError`, `WeightsError` or `GgufError` for what this engine cannot run. */
export function readHeader(gguf: Gguf, overrides?: ConfigOverrides): ModelHeader {
  const config = modelConfig(gguf, overrides);
  const architecture = architectures[config.architecture] as Architecture;
  if (config.keyLength % 4 !== 0 || config.keyLength > maxHeadLength) {
    const heads = `heads of ${config.keyLength} values`;
    throw new ConfigError(`${heads} are not supported; attention reads multiples of 4 up to ${maxHeadLength}`);
  }
  return {
    config,
    architecture,
    tensors: architecture.tensors(gguf, config),
    ropeFreqs: gguf.tensors.get('rope_freqs.weight'),
  };
}

/** A file's model: its numbers, and its weights on the GPU. */
export interface LoadedModel extends ModelHeader {
  readonly memory: MemoryPlan;
  readonly weights: Weights;
  /** token_embd, where it stays in the file. */
  readonly hostEmbeddings: HostRows | undefined;
  /** RoPE's, in radians per position. */
  readonly frequencies: Float64Array;
}

/** Plans and uploads. `budgetBytes`: what is known of the adapter's memory, where options name none. */
export async function loadModel(
  header: ModelHeader,
  device: Device,
  pipelines: Pipelines,
  kvType: KvType,
  budgetBytes: number | undefined,
  options: WeightsOptions,
): Promise<LoadedModel> {
  const { config, tensors, ropeFreqs } = header;
  const memory = planMemory(tensors, config, {
    limits: device.limits,
    kvType,
    budgetBytes: options.gpuMemoryBytes ?? budgetBytes,
    contextLength: options.contextLength,
  });
  const frequencies = ropeFrequencies(config, ropeFreqs && (await readValues(ropeFreqs)));
  const matrices = [tensors.embeddings, ...tensors.matrices, tensors.output].filter((spec) => spec !== undefined);
  if (memory.hostEmbeddings) matrices.shift();
  const placement = { streamed: new Set<string>(), tileBytes: 0, slotCount: 0, stagingCount: 4, stagingBytes: 2 ** 24 };
  const weights = await loadWeights(
    device,
    pipelines,
    matrices,
    tensors.vectors,
    { ...placement, cacheBytes: 0 },
    options,
  );
  const hostEmbeddings = memory.hostEmbeddings ? new HostRows(tensors.embeddings) : undefined;
  return { ...header, memory, weights, hostEmbeddings, frequencies };
}
