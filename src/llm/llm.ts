import type { KvType } from '../../kernels/parts/kv.ts';
import type { ChatMessage, Tool, ToolCall, ToolCallDelta } from '../chat/index.ts';
import type { GenerateOptions, GenerateResult, Token } from '../decoding/generate.ts';
import type { Precision } from '../models/graph.ts';
import type { DecodeOptions, EncodeOptions } from '../tokenizer/index.ts';
import type { ToolOptions } from './tool_calls.ts';

/**
 * A loaded model, wherever it runs: in this thread, or in a worker behind the same words. What is at hand in one and
 * must be asked for in the other is `Maybe` a promise; `await` reads both.
 */
export interface LLM extends AsyncDisposable {
  /** What is known of the model, and how it was loaded. */
  readonly info: ModelInfo;
  /** The file's own. */
  readonly tokenizer: TextCodec;
  /**
   * Continues `prompt`: text (BOS is added as the file says, control tokens are not parsed) or token ids as they are.
   * Ends at a stop token, which is not yielded, at a stop string, whose text is not yielded though its tokens' ids are,
   * at `maxTokens`, or where the context is full. Throws `RangeError` for options out of their range,
   * `ContextFullError` for a prompt that is too long, `GrammarError` for a grammar that cannot be read or enforced.
   *
   * @example
   * for await (const { text } of llm.generate('Once upon a time', { maxTokens: 64 })) process.stdout.write(text);
   */
  generate(prompt: string | readonly number[], options?: GenerateOptions): AsyncGenerator<Token, GenerateResult>;
  /**
   * The assistant's answer to `messages`, by the file's own chat template; otherwise as `generate`. With `tools` it may
   * call them: their calls stand in the result, and piece by piece in the tokens; arguments are those of a tool's schema.
   * Throws `ChatTemplateError` where the file has no template, or it refuses the conversation.
   *
   * @example
   * const messages = [{ role: 'user', content: 'What is deep learning?' }];
   * for await (const { text } of llm.chat(messages)) process.stdout.write(text);
   */
  chat<const Tools extends readonly Tool[] = readonly Tool[]>(
    messages: readonly ChatMessage[],
    options?: ChatOptions<Tools>,
  ): AsyncGenerator<Token, ChatResult<Tools>>;
  /** The prompt that `chat` makes of `messages`. */
  chatTokens(messages: readonly ChatMessage[], options?: ChatOptions): Maybe<number[]>;
  /** Logits of every token, [tokens.length, vocabLength]: row r is what follows token r. */
  logits(tokens: readonly number[]): Promise<Float32Array>;
  /** The same rows, some at a time, for prompts whose logits would fill the memory. */
  logitRows(tokens: readonly number[], signal?: AbortSignal): AsyncGenerator<Float32Array>;
  /**
   * A vector of what the model makes of a text (BOS is added as the file says) or of token ids: its last hidden state
   * after the output norm, [embeddingLength]. Compare vectors by their dot product.
   *
   * @example
   * const [a, b] = [await llm.embed('The cat sleeps.'), await llm.embed('A kitten naps.')];
   * console.log(a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0));
   */
  embed(input: string | readonly number[], options?: EmbedOptions): Promise<Float32Array>;
}

/** What becomes of hidden states. */
export interface EmbedOptions {
  /** The mean over all tokens, or the last one alone. Default: what the file says (`pooling_type`), otherwise `last`. */
  pooling?: 'mean' | 'last';
  /** Whether the vector is brought to length 1. Default true. */
  normalize?: boolean;
  /** Ends the work; the promise rejects with its reason. Default: nothing does. */
  signal?: AbortSignal;
}

/** At hand, or on its way. */
export type Maybe<T> = T | Promise<T>;

/** Text to token ids and back, as the file's vocabulary says. */
export interface TextCodec {
  /** Number of ids. */
  readonly vocabLength: number;
  /** The ids of a text. */
  encode(text: string, options?: EncodeOptions): Maybe<number[]>;
  /** The text of ids; those outside the vocabulary are a `TokenizerError`. */
  decode(tokens: readonly number[], options?: DecodeOptions): Maybe<string>;
}

/** How an answer is generated, and what the template is told. */
export interface ChatOptions<Tools extends readonly Tool[] = readonly Tool[]>
  extends Omit<GenerateOptions, 'toolUse'>,
    ToolOptions<Tools> {
  /** Further variables of the template, such as `enable_thinking`. Default: none. */
  templateVariables?: Readonly<Record<string, unknown>>;
}

/** What `chat` returns after the last token. */
export interface ChatResult<Tools extends readonly Tool[] = readonly Tool[]> extends GenerateResult {
  /** With `tools`: the calls that the answer makes, where it makes any. */
  readonly toolCalls?: readonly ToolCall<Tools>[];
  /** With `tools`: what no token has told of the calls. */
  readonly toolCallsEnd?: readonly ToolCallDelta[];
}

/** What is known of a model, and how it was loaded. */
export interface ModelInfo {
  /** `general.architecture`: `llama`. */
  readonly architecture: string;
  /** `general.name`; empty where the file has none. */
  readonly name: string;
  /** Elements of all weights. */
  readonly parameterCount: number;
  /** Block types of the tensors, such as Q8_0, with how many tensors have each. */
  readonly tensorTypes: Readonly<Record<string, number>>;
  /** The numeric class, as it was asked for. */
  readonly precision: Precision;
  /** How keys and values are stored. */
  readonly kvType: KvType;
  /** Positions of all sequences together. */
  readonly contextLength: number;
  /** Sequences that are generated at once; further calls wait for their turn. */
  readonly sequences: number;
  /** Bytes of GPU memory that the weights take which stay there. */
  readonly weightBytes: number;
  /** Layers whose weights stay on the GPU, and those that come anew in every pass. */
  readonly residentLayers: number;
  readonly streamedLayers: number;
  /** Bytes of the file that come in every pass. */
  readonly bytesPerPass: number;
  /** Whether the embeddings stay in the file, and their rows are read as they are needed. */
  readonly hostEmbeddings: boolean;
  /** Bytes of GPU memory that keys and values take at most. */
  readonly kvBytes: number;
  /** Bytes of GPU memory that all of it takes at most: weights, keys and values, activations, uploads. */
  readonly gpuBytes: number;
  /** Vendor, architecture and description of the GPU. */
  readonly adapter: string;
}
