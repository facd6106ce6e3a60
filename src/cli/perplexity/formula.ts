import type { LocalLLM } from '../../index.ts';

export interface PerplexityOptions {
  /** Tokens of a window. Default 512, at most the context. */
  windowLength?: number;
  /** Predictions at the beginning of each window that do not count, having little to go by. Default half a window. */
  skip?: number;
  signal?: AbortSignal;
  /** Is told of each window. */
  onWindow?: (soFar: Perplexity, windowCount: number) => void;
}

export interface Perplexity {
  /** exp of the mean of −ln p. */
  readonly perplexity: number;
  /** Of the perplexity, were the tokens independent. */
  readonly standardError: number;
  /** Tokens that count. */
  readonly tokens: number;
  readonly windows: number;
  readonly windowLength: number;
  readonly skip: number;
}

/**
 * How well a model knows a text, as llama.cpp's `llama-perplexity` tells it: the text is cut into windows of N tokens,
 * what is left over is dropped, each window's first token becomes BOS where the model begins texts so, and
 *
 *   perplexity = exp(−1/count · Σ ln p(token j+1 | tokens 0 … j of its window)),   j = skip … N − 2
 *
 * A text shorter than a window is one. Throws `RangeError` for a text or window in which nothing counts.
 */
export async function perplexity(
  llm: Pick<LocalLLM, 'scores' | 'tokenizer' | 'info'>,
  text: string,
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const tokens = llm.tokenizer.encode(text);
  const [bos] = llm.tokenizer.encode('');
  const windowLength = Math.min(options.windowLength ?? 512, llm.info.contextLength, tokens.length);
  const skip = options.skip ?? Math.floor(windowLength / 2);
  if (skip > windowLength - 2) {
    throw new RangeError(`no token counts: a window has ${windowLength} tokens, and ${skip} predictions are skipped`);
  }
  const windowCount = Math.floor(tokens.length / windowLength);
  const sums = new LossSums();
  for (let window = 0; window < windowCount; window++) {
    const inWindow = tokens.slice(window * windowLength, (window + 1) * windowLength);
    if (bos !== undefined) inWindow[0] = bos;
    let left = windowLength - 1 - skip; // behind them comes what would follow the window
    const { signal } = options;
    for await (const scores of llm.scores(inWindow, { from: skip, top: 1, ...(signal && { signal }) })) {
      for (const { logprob } of scores) if (left-- > 0) sums.add(-logprob);
    }
    options.onWindow?.({ ...sums.result(), windows: window + 1, windowLength, skip }, windowCount);
  }
  return { ...sums.result(), windows: windowCount, windowLength, skip };
}

class LossSums {
  #count = 0;
  #sum = 0;
  #squares = 0;

  add(loss: number): void {
    this.#count++;
    this.#sum += loss;
    this.#squares += loss * loss;
  }

  result(): Pick<Perplexity, 'perplexity' | 'standardError' | 'tokens'> {
    const mean = this.#sum / this.#count;
    const variance = Math.max(0, this.#squares / this.#count - mean * mean);
    const perplexity = Math.exp(mean);
    return {
      perplexity,
      standardError: this.#count > 1 ? perplexity * Math.sqrt(variance / (this.#count - 1)) : 0,
      tokens: this.#count,
    };
  }
}
