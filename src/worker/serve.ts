/** The worker's side: does what the page asks for, with one model. */
import type { ChatMessage, ChatOptions, LLM, LoadOptions, ModelInfo } from '../index.ts';
import type { Source } from '../runtime/model_source.ts';
import { postedError } from './errors.ts';
import type { Begin, Port, Reply, Request } from './protocol.ts';

/** What the page learns of a loaded model at once. */
export interface Loaded {
  readonly info: ModelInfo;
  readonly vocabLength: number;
}

/** What can be asked of a loaded model: one input, and options. */
const calls = {
  encode: ({ tokenizer }: LLM, text: string, options: object) => tokenizer.encode(text, options),
  decode: ({ tokenizer }: LLM, tokens: number[], options: object) => tokenizer.decode(tokens, options),
  chatTokens: (llm: LLM, messages: ChatMessage[], options: ChatOptions) => llm.chatTokens(messages, options),
  logits: (llm: LLM, tokens: number[]) => llm.logits(tokens),
  embed: (llm: LLM, input: string | number[], options: object) => llm.embed(input, options),
  dispose: (llm: LLM) => llm[Symbol.asyncDispose](),
};
const streams = {
  generate: (llm: LLM, prompt: string | number[], options: object) => llm.generate(prompt, options),
  chat: (llm: LLM, messages: ChatMessage[], options: ChatOptions) => llm.chat(messages, options),
  logitRows: (llm: LLM, tokens: number[], { signal }: { signal: AbortSignal }) => llm.logitRows(tokens, signal),
};
export type CallName = keyof typeof calls | 'load';
export type StreamName = keyof typeof streams;
type Method = (llm: LLM | undefined, input: unknown, options: object) => unknown;

/** Beside those of every model: what a worker of one's own answers too. There is no model before `load`. */
// biome-ignore lint/suspicious/noExplicitAny: input and options are each method's own
export type MoreMethods<L extends LLM> = Readonly<Record<string, (llm: L, input: any, options: any) => unknown>>;

/** Serves the page behind `port`, whose first call is `load`, or one of `more`. */
export function serve<L extends LLM>(
  port: Port<Reply, Request>,
  load: (source: Source, options: LoadOptions) => Promise<L>,
  more: MoreMethods<L> = {},
): void {
  let llm: L | undefined;
  const methods = {
    ...calls,
    ...streams,
    ...more,
    async load(_: undefined, source: Source, options: LoadOptions): Promise<Loaded> {
      llm = await load(source, options);
      return { info: llm.info, vocabLength: llm.tokenizer.vocabLength };
    },
  } as Record<string, Method>;
  /** Of calls and streams that have not ended. */
  const controllers = new Map<number, AbortController>();
  const generators = new Map<number, AsyncGenerator>();

  port.onmessage = ({ data: request }) => {
    const { kind, id } = request;
    if (kind === 'abort') return controllers.get(id)?.abort();
    if (kind === 'call') return void answer(id, id, () => begin(request));
    if (kind === 'stream') return void generators.set(id, begin(request) as AsyncGenerator);
    const generator = generators.get(request.stream)!;
    answer(id, request.stream, () => generator[kind](undefined));
  };
  port.onmessageerror = () => {
    throw new Error('a message of the page could not be read'); // the page hears of it as the worker's error
  };

  function begin({ id, method, input, options, callbacks }: Begin): unknown {
    const controller = new AbortController();
    controllers.set(id, controller);
    const events = callbacks.map((callback) => {
      const post = (...args: unknown[]) => port.postMessage({ kind: 'event', id, callback, args }, []);
      return [callback, post];
    });
    return methods[method]!(llm, input, { ...options, ...Object.fromEntries(events), signal: controller.signal });
  }

  /** Answers message `id` with what call or stream `owner` gives, and forgets the owner with its last answer. */
  async function answer(id: number, owner: number, give: () => unknown): Promise<void> {
    let isLast = true;
    try {
      const value = await give();
      isLast = !generators.has(owner) || (value as IteratorResult<unknown>).done === true;
      port.postMessage({ kind: 'value', id, value }, arraysOf(value));
    } catch (error) {
      const signal = controllers.get(owner)?.signal;
      const aborted = signal?.aborted && error === signal.reason;
      port.postMessage(aborted ? { kind: 'aborted', id } : { kind: 'error', id, error: postedError(error) }, []);
    }
    if (!isLast) return;
    controllers.delete(owner);
    generators.delete(owner);
  }
}

/** Arrays as long as a vocabulary go over without a copy, alone or as a stream's value. */
function arraysOf(value: unknown): Transferable[] {
  const array = (value as IteratorResult<unknown> | undefined)?.value ?? value;
  return array instanceof Float32Array ? [array.buffer] : [];
}
