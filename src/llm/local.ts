import type { ChatEncoder, ChatMessage, Tool } from '../chat/index.ts';
import {
  defaultMaxTokens,
  type GenerateOptions,
  type GenerateResult,
  generateText,
  type Token,
} from '../decoding/generate.ts';
import type { Model, ProfileOptions } from '../decoding/model.ts';
import type { ModelLoad } from '../decoding/model_load.ts';
import { checkRange } from '../decoding/sampling_options.ts';
import type { Scheduler } from '../decoding/scheduler.ts';
import { maxTop, type TokenScore } from '../decoding/scoring.ts';
import { watchStream } from '../decoding/streaming_stats.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { closeGguf } from '../gguf/open.ts';
import type { ByteSource } from '../gguf/source.ts';
import { adapterName } from '../gpu/device.ts';
import type { KernelTime } from '../gpu/profile.ts';
import { Grammars, type ToolCallForm } from '../grammar/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { meanOf, normalized } from './embed.ts';
import type { ChatOptions, ChatResult, EmbedOptions, LLM, ModelInfo } from './llm.ts';
import { fingerprintOf, readSnapshotHead, SnapshotError, type SnapshotOwner, snapshotHead } from './snapshot.ts';
import { readToolCalls, toolUseOf } from './tool_calls.ts';

/** GGUF's `pooling_type` of a mean. */
const meanPooling = 1;

/** A model in this thread: what can be known at once is no promise. */
export class LocalLLM implements LLM {
  /** What is known of the model, and how it was loaded. */
  readonly info: ModelInfo;
  /** The file's own, at hand. */
  readonly tokenizer: Tokenizer;
  readonly #gguf: Gguf;
  readonly #opened: readonly Gguf[];
  readonly #chatEncoder: ChatEncoder;
  readonly #scheduler: Scheduler;
  readonly #grammars: Grammars;
  readonly #ownsDevice: boolean;
  #fingerprint: Promise<string> | undefined;

  /** @hidden `load` makes it, of the model's file and what else is to be closed with it. */
  constructor(
    opened: readonly [Gguf, ...Gguf[]],
    tokenizer: Tokenizer,
    chatEncoder: ChatEncoder,
    scheduler: Scheduler,
    ownsDevice: boolean,
  ) {
    const [gguf] = opened;
    this.info = modelInfo(gguf, scheduler.model);
    this.#opened = opened;
    this.tokenizer = tokenizer;
    this.#gguf = gguf;
    this.#grammars = new Grammars(tokenizer);
    this.#chatEncoder = chatEncoder;
    this.#scheduler = scheduler;
    this.#ownsDevice = ownsDevice;
  }

  async *generate(
    prompt: string | readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<Token, GenerateResult> {
    const tokens = this.#tokens(prompt);
    const room = Math.min(
      options.maxTokens ?? defaultMaxTokens,
      this.#scheduler.model.memory.contextLength - tokens.length,
    );
    const constraint = this.#grammars.constraintOf(options, room);
    const streaming = watchStream(this.#scheduler.model);
    const result = yield* generateText(this.#scheduler, tokens, this.tokenizer, options, constraint);
    return streaming ? { ...result, streaming: streaming() } : result;
  }

  async *chat<const Tools extends readonly Tool[] = readonly Tool[]>(
    messages: readonly ChatMessage[],
    options: ChatOptions<Tools> = {},
  ): AsyncGenerator<Token, ChatResult<Tools>> {
    const answer = this.answer(this.chatTokens(messages, options), options);
    return (yield* answer) as ChatResult<Tools>; // its calls are of these tools
  }

  /** What `chat` generates after the prompt that `chatTokens` makes. */
  async *answer(prompt: readonly number[], options: ChatOptions = {}): AsyncGenerator<Token, ChatResult> {
    const use = options.tools && toolUseOf(options, this.#chatEncoder.toolCallForm);
    if (!use) return yield* this.generate(prompt, options);
    return yield* readToolCalls(this.generate(prompt, { ...options, toolUse: use }), use, this.tokenizer);
  }

  /** How the model writes calls of tools, as its template shows. */
  get toolCallForm(): ToolCallForm {
    return this.#chatEncoder.toolCallForm;
  }

  chatTokens(messages: readonly ChatMessage[], { tools, toolChoice, templateVariables }: ChatOptions = {}): number[] {
    const conversation = { ...templateVariables, messages, add_generation_prompt: true };
    const isTold = tools && tools.length > 0 && toolChoice !== 'none';
    return this.#chatEncoder.encode(isTold ? { ...conversation, tools } : conversation);
  }

  async logits(tokens: readonly number[]): Promise<Float32Array> {
    const { vocabLength } = this.#scheduler.model.config;
    const rows = new Float32Array(tokens.length * vocabLength);
    let done = 0;
    for await (const some of this.logitRows(tokens)) {
      rows.set(some, done);
      done += some.length;
    }
    return rows;
  }

  async *logitRows(tokens: readonly number[], signal?: AbortSignal): AsyncGenerator<Float32Array> {
    yield* this.#scheduler.rows(this.#tokens(tokens), 'all', 'logits', signal);
  }

  /**
   * How likely the model makes each of `tokens` behind `from`, and the `top` (1 to 20) most likely in its place, best
   * first, over the whole vocabulary, some at a time; the last is the most likely token after all of them. The softmax is
   * the GPU's, in f32.
   */
  async *scores(
    tokens: readonly number[],
    options: { from: number; top: number; signal?: AbortSignal },
  ): AsyncGenerator<readonly TokenScore[]> {
    checkRange('top', options.top, { from: 1, to: maxTop, whole: true });
    checkRange('from', options.from, { from: 0, to: tokens.length - 1, whole: true });
    yield* this.#scheduler.scores(this.#tokens(tokens), options);
  }

  async embed(input: string | readonly number[], options: EmbedOptions = {}): Promise<Float32Array> {
    const { config } = this.#scheduler.model;
    const { architecture, embeddingLength } = config;
    const poolingType = this.#gguf.metadata.number(`${architecture}.pooling_type`, 0);
    const { pooling = poolingType === meanPooling ? 'mean' : 'last', normalize = true, signal } = options;
    const of = pooling === 'mean' ? 'all' : 'last';
    const rows = this.#scheduler.rows(this.#tokens(input), of, 'hidden', signal);
    const vector = await meanOf(rows, embeddingLength);
    return normalize ? normalized(vector) : vector;
  }

  /** The ids of a prompt, each in the vocabulary. */
  #tokens(prompt: string | readonly number[]): readonly number[] {
    const tokens = typeof prompt === 'string' ? this.tokenizer.encode(prompt) : prompt;
    if (tokens.length === 0) throw new RangeError('the prompt has no tokens, and there is no BOS to begin with');
    const { vocabLength } = this.#scheduler.model.config;
    const wrong = tokens.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabLength);
    if (wrong !== undefined) throw new RangeError(`token ${wrong} is not in the vocabulary of ${vocabLength}`);
    return tokens;
  }

  /** GPU time by kernel of a step, by default of one decoded token, greatest first; `GpuError` without `timestamp-query`. */
  profile({ signal, ...options }: ProfileOptions & { signal?: AbortSignal } = {}): Promise<KernelTime[]> {
    const { model } = this.#scheduler;
    const most = options.phase === 'decode' ? model.maxDecode : model.maxPrefill;
    checkRange('tokens', options.tokens ?? 1, { from: 1, to: most, whole: true });
    return this.#scheduler.profile(options, signal);
  }

  /** Steps so far, and the time that the host took to write their tables, to encode and to submit them. */
  get encoding(): { readonly steps: number; readonly milliseconds: number } {
    return this.#scheduler.model.encoding;
  }

  /** Tokens of a prompt that a step takes in, at most. */
  get maxPrefill(): number {
    return this.#scheduler.model.maxPrefill;
  }

  /** Bytes of weights that every decoded token goes through. */
  get weightBytesPerToken(): number {
    return this.#scheduler.model.weightBytesPerToken;
  }

  /**
   * The tokens that a sequence (from 0) holds, with their keys and values, as bytes that `restoreSequence` takes; some at a
   * time. `SequenceBusyError` where something is generated in it.
   */
  async saveSequence(sequence: number, write: (bytes: Uint8Array) => Promise<void>): Promise<{ tokens: number }> {
    const owner = await this.#snapshotOwner();
    let count = 0;
    await this.#scheduler.hold(sequence, async (tokens, { kv }) => {
      count = tokens.length;
      await write(snapshotHead(owner, tokens));
      for await (const bytes of kv.readPages(sequence, tokens.length)) await write(bytes);
      return tokens;
    });
    return { tokens: count };
  }

  /**
   * Fills a sequence with what was saved: prompts that begin so go on from there. `SnapshotError` for what this model has
   * not saved, or not in this precision; the sequence holds nothing then.
   */
  async restoreSequence(sequence: number, saved: ByteSource): Promise<{ tokens: number }> {
    const owner = await this.#snapshotOwner();
    let count = 0;
    await this.#scheduler.hold(sequence, async (_, model) => {
      const bytesOf = (length: number) => model.kv.pagesByteLength(length);
      const { tokens, offset } = await readSnapshotHead(saved, owner, bytesOf);
      await model.edit(async (kv) => {
        kv.truncate(sequence, 0);
        if (tokens.length > 0) await kv.reserve(sequence, 0, tokens.length);
      });
      let at = offset;
      const read = async (target: Uint8Array) => {
        await saved.read(at, target);
        at += target.length;
      };
      await model.kv.writePages(sequence, read).catch((error) => {
        throw error instanceof RangeError ? new SnapshotError(error.message) : error;
      });
      count = tokens.length;
      return tokens;
    });
    return { tokens: count };
  }

  /** Empties a sequence; how many tokens it held. */
  async eraseSequence(sequence: number): Promise<{ tokens: number }> {
    let count = 0;
    await this.#scheduler.hold(sequence, async (tokens) => {
      count = tokens.length;
      return [];
    });
    return { tokens: count };
  }

  async #snapshotOwner(): Promise<SnapshotOwner> {
    const { config, precision, kv, memory } = this.#scheduler.model;
    this.#fingerprint ??= fingerprintOf(this.#gguf, config, [precision, kv.type]);
    const { vocabLength } = config;
    return { fingerprint: await this.#fingerprint, vocabLength, contextLength: memory.contextLength };
  }

  /** What the cache holds at present, how long a pass takes, and what has been streamed. */
  get load(): ModelLoad {
    return this.#scheduler.load;
  }

  /** Dispatches per decoded token. */
  get dispatchesPerToken(): number {
    return this.#scheduler.model.dispatchesPerToken();
  }

  /** Frees the GPU's memory and closes the file; what still runs on it fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scheduler.close(); // a generator that nobody finishes must not keep it open
    if (this.#ownsDevice) this.#scheduler.model.device.destroy();
    await Promise.all(this.#opened.map(closeGguf));
  }
}

function modelInfo(gguf: Gguf, { config, memory, kv, precision, sequences, device }: Model): ModelInfo {
  const tensors = [...gguf.tensors.values()];
  const weights = tensors.filter(({ name }) => name !== 'rope_freqs.weight');
  const types = Map.groupBy(tensors, ({ type }) => type.name);
  return {
    architecture: config.architecture,
    name: gguf.metadata.string('general.name', ''),
    parameterCount: weights.reduce((sum, { dimensions }) => sum + dimensions.reduce((a, b) => a * b, 1), 0),
    tensorTypes: Object.fromEntries([...types].map(([name, all]) => [name, all.length])),
    precision,
    kvType: kv.type,
    contextLength: memory.contextLength,
    sequences,
    weightBytes: memory.weightBytes,
    residentLayers: memory.residentLayers,
    streamedLayers: memory.streamedLayers,
    bytesPerPass: memory.bytesPerPass,
    hostEmbeddings: memory.hostEmbeddings,
    kvBytes: memory.kvBytes,
    gpuBytes: memory.gpuBytes,
    adapter: adapterName(device.info),
  };
}
