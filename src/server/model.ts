import type { LocalLLM } from '../index.ts';

/** What the server asks of a model; `LLM` in this thread has all of it. */
export interface ServedModel
  extends Pick<LocalLLM, 'info' | 'tokenizer' | 'generate' | 'chatTokens' | 'logitRows' | 'embed'> {
  /** What the cache is at, where it can tell. */
  load?(): ModelLoad;
}

export interface ModelLoad {
  /** Bytes of GPU memory that keys and values take at present. */
  readonly kvBytes?: number;
  /** Positions whose keys and values are held, of how many there may be. */
  readonly kvPositions?: number;
}
