import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import type { Weights } from '../weights/load.ts';
import type { MatrixSpec } from '../weights/matrix.ts';
import type { ModelConfig } from './config.ts';
import type { Activation, Graph, KvLayers, Output } from './graph.ts';

/** A model family: what it loads, and its forward pass. One file each, one line in index.ts. */
export interface Architecture {
  /** GGUF's `general.architecture`. */
  readonly name: string;
  tensors(gguf: Gguf, config: ModelConfig): ModelTensors;
  /** Records a step. */
  forward(g: Graph, config: ModelConfig, weights: Weights, kv: KvLayers): ForwardActivations;
}

/** Where a step's data goes in and comes out. */
export interface ForwardActivations extends Output {
  /** Embeddings, [tokens, embeddingLength]. */
  readonly x: Activation;
  /** What the output matrix is multiplied with, of the tokens of which anything is wanted: [rows, embeddingLength]. */
  readonly hidden: Activation;
}

/** What an architecture loads of a file. */
export interface ModelTensors {
  /** token_embd: on the GPU, or gathered by the host where GPU memory is short. */
  readonly embeddings: MatrixSpec;
  /** Absent where the embeddings are the output as well. */
  readonly output: MatrixSpec | undefined;
  readonly matrices: readonly MatrixSpec[];
  readonly vectors: readonly TensorInfo[];
}
