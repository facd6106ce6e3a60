import { maxHeadLength } from '../../kernels/flash_attn_vec.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { HostRows } from '../weights/host_rows.ts';
import { type LoadProgress, loadWeights, readValues, type Weights } from '../weights/load.ts';
import type { TileForm } from '../weights/matrix.ts';
import type { Architecture, ModelTensors } from './architecture.ts';
import { ConfigError, type ConfigOverrides, type ModelConfig, modelConfig } from './config.ts';
import type { Precision } from './graph.ts';
import { architectures } from './index.ts';
import type { MemoryPlan } from './memory.ts';
import { ropeFrequencies } from './rope.ts';

export interface WeightsOptions {
  /** Positions, of all sequences together. Default: what fits, at most what the model was trained for. */
  contextLength?: number;
  /** GPU memory for all of the model, in bytes; what does not fit is streamed. Default: what is known of the adapter's. */
  gpuMemoryBytes?: number;
  /** Host memory in which streamed weights are kept after their first pass, in bytes. Default: none. */
  hostMemoryBytes?: number;
  /**
   * What streamed Q8_0 is on the GPU: `planes`, repacked as resident weights are, or the file's `blocks`, copied alone.
   * The results are the same bit by bit. Default: what is faster for one token, measured while loading.
   */
  streamedForm?: TileForm;
  /**
   * Whether kernel variants are timed on the model's own shapes while it loads, and the fastest run: `quick`, for a second
   * at most, less for small models, and the next load goes on from there; `full`, more thoroughly, for a minute at most;
   * `off` takes defaults. The results are the same bit by bit. Default `quick`.
   */
  tune?: Tuning;
  /** Instead of what the file says. Default: nothing. */
  overrides?: ConfigOverrides;
  /** Ends loading; the promise rejects with its reason. Default: nothing does. */
  signal?: AbortSignal;
  /** Is told how far loading has come. Default: nobody is. */
  onProgress?: (progress: LoadProgress) => void;
}

/** How long a load may spend on choosing variants. */
export type Tuning = 'off' | 'quick' | 'full';

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

/** Uploads what stays on the GPU, and opens the stream of what does not, as `memory` says. */
export async function loadModel(
  header: ModelHeader,
  device: Device,
  pipelines: Pipelines,
  memory: MemoryPlan,
  options: WeightsOptions & { precision?: Precision },
): Promise<LoadedModel> {
  const { config, tensors, ropeFreqs } = header;
  const { embeddings, matrices, output } = tensors;
  const frequencies = ropeFrequencies(config, ropeFreqs && (await readValues(ropeFreqs)));
  // In the order of a pass; what is both embeddings and output comes as the output does.
  const specs = [...(output && !memory.hostEmbeddings ? [embeddings] : []), ...matrices, output ?? embeddings];
  const placement = {
    ...memory,
    cacheBytes: options.hostMemoryBytes ?? 0,
    streamedForm: options.streamedForm ?? (options.tune === 'off' ? 'planes' : undefined),
    activation: options.precision === 'exact' ? 'f32' : 'q8',
  } as const;
  const weights = await loadWeights(device, pipelines, specs, tensors.vectors, placement, options);
  const hostEmbeddings = memory.hostEmbeddings ? new HostRows(embeddings) : undefined;
  return { ...header, memory, weights, hostEmbeddings, frequencies };
}
