import type { ChatMessage } from '../chat/index.ts';
import type { GenerateOptions, GenerateResult, Token } from '../decoding/generate.ts';
import type { DecodeOptions, EncodeOptions } from '../tokenizer/index.ts';

/**
 * A loaded model, wherever it runs: in this thread, or in a worker behind the same words. What is at hand in one and
 * must be asked for in the other is `Maybe` a promise; `await` reads both.
 */
export interface LLM extends AsyncDisposable {
  readonly info: ModelInfo;
  readonly tokenizer: TextCodec;
  /**
   * Continues `prompt`: text (BOS is added as the file says, control tokens are not parsed) or token ids as they are.
   * Ends at a stop token, which is not yielded, at a stop string, whose text is not yielded though its tokens' ids are,
   * at `maxTokens`, or where the context is full. Throws `RangeError` for options out of their range,
   * `ContextFullError` for a prompt that is too long.
   *
   * @example
   * for await (const { text } of llm.generate('Once upon a time', { maxTokens: 64 })) process.stdout.write(text);
   */
  generate(prompt: string | readonly number[], options?: GenerateOptions): AsyncGenerator<Token, GenerateResult>;
  /**
   * The assistant's answer to `messages`, by the file's own chat template; otherwise as `generate`.
   * Throws `ChatTemplateError` where the file has no template, or it refuses the conversation.
   *
   * @example
   * const messages = [{ role: 'user', content: 'What is deep learning?' }];
   * for await (const { text } of llm.chat(messages)) process.stdout.write(text);
   */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): AsyncGenerator<Token, GenerateResult>;
  /** The prompt that `chat` makes of `messages`. */
  chatTokens(messages: readonly ChatMessage[], options?: ChatOptions): Maybe<number[]>;
  /** Logits of every token, [tokens.length, vocabLength]: row r is what follows token r. */
  logits(tokens: readonly number[]): Promise<Float32Array>;
  /** The same rows, some at a time, for prompts whose logits would fill the memory. */
  logitRows(tokens: readonly number[], signal?: AbortSignal): AsyncGenerator<Float32Array>;
}

/** At hand, or on its way. */
export type Maybe<T> = T | Promise<T>;

/** Text to token ids and back, as the file's vocabulary says. */
export interface TextCodec {
  /** Number of ids. */
  readonly vocabLength: number;
  encode(text: string, options?: EncodeOptions): Maybe<number[]>;
  /** Ids outside the vocabulary are a `TokenizerError`. */
  decode(tokens: readonly number[], options?: DecodeOptions): Maybe<string>;
}

export interface ChatOptions extends GenerateOptions {
  /** What the model may call, as its template wants it described. */
  tools?: readonly unknown[];
  /** Further variables of the template, such as `enable_thinking`. */
  templateVariables?: Readonly<Record<string, unknown>>;
}

export interface ModelInfo {
  readonly architecture: string;
  readonly name: string;
  readonly parameterCount: number;
  /** Positions that a sequence may have. */
  readonly contextLength: number;
  /** Bytes of GPU memory that the weights take. */
  readonly weightBytes: number;
  readonly hostEmbeddings: boolean;
  readonly adapter: string;
}
