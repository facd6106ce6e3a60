import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import type { Weights } from '../weights/load.ts';
import type { MatrixSpec } from '../weights/matrix.ts';
import type { ModelConfig } from './config.ts';
import type { Activation, Graph, KvLayers } from './graph.ts';

/** A model family: what it loads, and its forward pass. One file each, one line in index.ts. */
export interface Architecture {
  /** GGUF's `general.architecture`. */
  readonly name: string;
  tensors(gguf: Gguf, config: ModelConfig): ModelTensors;
  /** Records a step: from x, the tokens' embeddings, to the logits of those that want them, [logits, vocabLength]. */
  forward(g: Graph, config: ModelConfig, weights: Weights, kv: KvLayers): { x: Activation; logits: Activation };
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
