import type { ChoiceResult } from './answers.ts';

/** Counts a request's tokens, as OpenAI and llama-server tell them. */
export class Usage {
  readonly #promptTokens: number;
  #completionTokens = 0;
  #cachedTokens = 0;
  #result: ChoiceResult | undefined;

  constructor(promptTokens: number) {
    this.#promptTokens = promptTokens;
  }

  token(): void {
    this.#completionTokens++;
  }

  /** `isFirst`: of the choices of its prompt. */
  ended(result: ChoiceResult, isFirst: boolean): void {
    if (!isFirst) return;
    this.#cachedTokens += result.cachedTokens;
    this.#result ??= result;
  }

  /** OpenAI's `usage`. */
  get counts() {
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#completionTokens,
      total_tokens: this.#promptTokens + this.#completionTokens,
      prompt_tokens_details: { cached_tokens: this.#cachedTokens },
    };
  }

  /** llama-server's `timings`, of the first choice. */
  get timings() {
    if (!this.#result) return undefined;
    const { cachedTokens, prefill, decode } = this.#result;
    const perToken = ({ tokens, milliseconds }: typeof prefill) => (tokens > 0 ? milliseconds / tokens : 0);
    return {
      cache_n: cachedTokens,
      prompt_n: prefill.tokens,
      prompt_ms: prefill.milliseconds,
      prompt_per_token_ms: perToken(prefill),
      prompt_per_second: prefill.tokensPerSecond,
      predicted_n: decode.tokens,
      predicted_ms: decode.milliseconds,
      predicted_per_token_ms: perToken(decode),
      predicted_per_second: decode.tokensPerSecond,
    };
  }
}

/** OpenAI's `finish_reason`. */
export function finishReason({ stopReason, toolCalls }: ChoiceResult): 'stop' | 'length' | 'tool_calls' {
  if (stopReason === 'length') return 'length';
  return toolCalls ? 'tool_calls' : 'stop';
}
