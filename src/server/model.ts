import type { LocalLLM, ModelLoad } from '../index.ts';
import type { ScoredToken } from './score.ts';

/** What the server asks of a model; `LLM` in this thread has all of it. */
export interface ServedModel
  extends Pick<LocalLLM, 'info' | 'tokenizer' | 'answer' | 'chatTokens' | 'toolCallForm' | 'logitRows' | 'embed'> {
  /** What the cache is at, and how long a pass takes, where it can tell. */
  readonly load?: ModelLoad;
  /** Sequences apart from the GPU, as `LocalLLM` has them; without these, slots are not saved. */
  saveSequence?: LocalLLM['saveSequence'];
  restoreSequence?: LocalLLM['restoreSequence'];
  eraseSequence?: LocalLLM['eraseSequence'];
  /**
   * What the model says of the tokens behind `from`, some at a time: each token's log-probability and the `top` most
   * likely in its place; the last is the most likely token after the prompt. Without it, `logitRows` are read whole.
   */
  scores?(
    tokens: readonly number[],
    options: { from: number; top: number; signal: AbortSignal },
  ): AsyncGenerator<readonly ScoredToken[]>;
}
