import type {
  ChatMessage,
  ChatOptions,
  ChatResult,
  EmbedOptions,
  GenerateOptions,
  GenerateResult,
  LLM,
  ModelInfo,
  TextCodec,
  Token,
  Tool,
} from '../index.ts';
import type { Connection } from './connection.ts';
import type { Loaded } from './serve.ts';

/** A model in a worker. Calls on it run one after another, there. */
export class WorkerLLM implements LLM {
  readonly info: ModelInfo;
  readonly tokenizer: TextCodec;
  readonly #connection: Connection;

  constructor(connection: Connection, { info, vocabLength }: Loaded) {
    this.#connection = connection;
    this.info = info;
    this.tokenizer = {
      vocabLength,
      encode: (text, options) => connection.call('encode', text, options),
      decode: (tokens, options) => connection.call('decode', tokens, options),
    };
  }

  generate(prompt: string | readonly number[], options?: GenerateOptions): AsyncGenerator<Token, GenerateResult> {
    return this.#connection.stream('generate', prompt, options);
  }

  chat<const Tools extends readonly Tool[] = readonly Tool[]>(
    messages: readonly ChatMessage[],
    options?: ChatOptions<Tools>,
  ): AsyncGenerator<Token, ChatResult<Tools>> {
    return this.#connection.stream('chat', messages, options);
  }

  chatTokens(messages: readonly ChatMessage[], options?: ChatOptions): Promise<number[]> {
    return this.#connection.call('chatTokens', messages, options);
  }

  logits(tokens: readonly number[]): Promise<Float32Array> {
    return this.#connection.call('logits', tokens);
  }

  logitRows(tokens: readonly number[], signal?: AbortSignal): AsyncGenerator<Float32Array> {
    return this.#connection.stream('logitRows', tokens, { signal });
  }

  embed(input: string | readonly number[], options?: EmbedOptions): Promise<Float32Array> {
    return this.#connection.call('embed', input, options);
  }

  /** Closes the model and ends the worker; what is still asked of it rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#connection.isOpen) return;
    try {
      await this.#connection.call('dispose', undefined);
    } finally {
      this.#connection.close(new Error('the model is closed'));
    }
  }
}
