import { ChatEncoder, type ChatMessage } from '../chat/index.ts';
import { type GenerateOptions, type GenerateResult, generateText, type Token } from '../decoding/generate.ts';
import { ContextFullError } from '../decoding/kv_cache.ts';
import { Model, type ModelOptions } from '../decoding/model.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { closeGguf } from '../gguf/open.ts';
import { adapterName, type Device, type DeviceOptions } from '../gpu/device.ts';
import { readHeader } from '../models/load.ts';
import { createTokenizer, type Tokenizer, type TokenizerOptions } from '../tokenizer/index.ts';
import type { ChatOptions, LLM, ModelInfo } from './llm.ts';

export interface LoadOptions extends ModelOptions, Omit<TokenizerOptions, 'onWarning'> {
  /** An open device; otherwise the runtime opens one, and it is closed with the model. */
  device?: Device;
  /** How the runtime opens the device. */
  deviceOptions?: DeviceOptions & { adapter?: string };
  /** Jinja that makes conversations into prompts, instead of the file's own. */
  chatTemplate?: string;
  /** What a person should know of the file or the machine, a line each. */
  onWarning?(message: string): void;
}

/** What differs between homes: how a model's bytes and a GPU are reached. */
export interface Runtime<Source> {
  openGguf(source: Source, options: LoadOptions): Promise<Gguf>;
  openDevice(options: DeviceOptions & { adapter?: string }): Promise<Device>;
  /** GPU memory that may be used, in bytes; undefined where nobody knows. */
  memoryBudget(device: Device): number | undefined;
}

/** Opens a source in a runtime's way and loads it. On failure everything opened here is closed again. */
export async function loadIn<Source>(
  runtime: Runtime<Source>,
  source: Source,
  options: LoadOptions = {},
): Promise<LocalLLM> {
  const gguf = await runtime.openGguf(source, options);
  let device: Device | undefined;
  try {
    const header = readHeader(gguf, options.overrides);
    const tokenizer = createTokenizer(gguf.metadata, { onWarning: () => undefined, ...options });
    const chatEncoder = new ChatEncoder(gguf.metadata, tokenizer, options.chatTemplate);
    device = options.device ?? (await runtime.openDevice(options.deviceOptions ?? {}));
    const model = await Model.load(header, device, runtime.memoryBudget(device), options);
    return new LocalLLM(gguf, tokenizer, chatEncoder, device, model, options.device === undefined);
  } catch (error) {
    if (!options.device) device?.destroy();
    await closeGguf(gguf);
    throw error;
  }
}

/** A model in this thread. Calls on one model run one after another. */
export class LocalLLM implements LLM {
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly #gguf: Gguf;
  readonly #chatEncoder: ChatEncoder;
  readonly #device: Device;
  readonly #model: Model;
  readonly #ownsDevice: boolean;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    gguf: Gguf,
    tokenizer: Tokenizer,
    chatEncoder: ChatEncoder,
    device: Device,
    model: Model,
    ownsDevice: boolean,
  ) {
    this.tokenizer = tokenizer;
    this.#gguf = gguf;
    this.#chatEncoder = chatEncoder;
    this.#device = device;
    this.#model = model;
    this.#ownsDevice = ownsDevice;
    this.info = {
      architecture: model.config.architecture,
      name: gguf.metadata.string('general.name', ''),
      parameterCount: parameterCount(gguf),
      contextLength: model.memory.contextLength,
      weightBytes: model.memory.weightBytes,
      hostEmbeddings: model.memory.hostEmbeddings,
      adapter: adapterName(device.info),
    };
  }

  async *generate(
    prompt: string | readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<Token, GenerateResult> {
    const tokens = this.#checked(typeof prompt === 'string' ? this.tokenizer.encode(prompt) : prompt);
    const release = await this.#turn();
    try {
      return yield* generateText(this.#model, tokens, this.tokenizer, options);
    } finally {
      release();
    }
  }

  async *chat(messages: readonly ChatMessage[], options: ChatOptions = {}): AsyncGenerator<Token, GenerateResult> {
    return yield* this.generate(this.chatTokens(messages, options), options);
  }

  chatTokens(messages: readonly ChatMessage[], { tools, templateVariables }: ChatOptions = {}): number[] {
    const conversation = { ...templateVariables, messages, add_generation_prompt: true };
    return this.#chatEncoder.encode(tools ? { ...conversation, tools } : conversation);
  }

  async logits(tokens: readonly number[]): Promise<Float32Array> {
    const { vocabLength } = this.#model.config;
    const rows = new Float32Array(tokens.length * vocabLength);
    let done = 0;
    for await (const some of this.logitRows(tokens)) {
      rows.set(some, done);
      done += some.length;
    }
    return rows;
  }

  async *logitRows(tokens: readonly number[], signal?: AbortSignal): AsyncGenerator<Float32Array> {
    const ids = this.#checked(tokens);
    const release = await this.#turn();
    try {
      const model = this.#model;
      if (ids.length > model.memory.contextLength) {
        const { contextLength } = model.memory;
        throw new ContextFullError(
          `${ids.length} tokens are more than the context of ${contextLength}: raise --context`,
        );
      }
      model.kv.clear();
      const chunkLength = Math.min(model.maxPrefill, model.maxLogits);
      for (let first = 0; first < ids.length; first += chunkLength) {
        signal?.throwIfAborted();
        const chunk = ids.slice(first, first + chunkLength);
        yield await model.readLogits(
          chunk.map((id, i) => ({ id, position: first + i, sequence: 0, wantsLogits: true })),
        );
      }
    } finally {
      release();
    }
  }

  #checked(tokens: readonly number[]): readonly number[] {
    if (tokens.length === 0) throw new RangeError('the prompt has no tokens, and there is no BOS to begin with');
    const { vocabLength } = this.#model.config;
    const wrong = tokens.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabLength);
    if (wrong !== undefined) throw new RangeError(`token ${wrong} is not in the vocabulary of ${vocabLength}`);
    return tokens;
  }

  /** Waits until every call before this one is done. */
  async #turn(): Promise<() => void> {
    const before = this.#last;
    let release = () => {};
    this.#last = new Promise<void>((resolve) => {
      release = resolve;
    });
    await before;
    return release;
  }

  /** Dispatches per decoded token. */
  get dispatchesPerToken(): number {
    return this.#model.dispatchesPerToken();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#model.destroy(); // a generator that nobody finishes must not keep it open
    if (this.#ownsDevice) this.#device.destroy();
    await closeGguf(this.#gguf);
  }
}

function parameterCount({ tensors }: Gguf): number {
  let count = 0;
  for (const { name, dimensions } of tensors.values()) {
    if (name !== 'rope_freqs.weight') count += dimensions.reduce((a, b) => a * b, 1);
  }
  return count;
}
