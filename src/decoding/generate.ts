import { Chooser } from './chooser.ts';
import { ContextFullError } from './kv_cache.ts';
import type { Model } from './model.ts';
import type { SamplingOptions } from './sampling_options.ts';
import { StopStrings } from './stop_strings.ts';

export interface GenerateOptions extends SamplingOptions {
  /** Tokens to generate, at most. Default 128. */
  maxTokens?: number;
  /** The text ends before the first of these that it would contain. Default none. */
  stop?: readonly string[];
  /** Tokens carry their log-probability, and those of so many of the most likely tokens. Default: neither. */
  logprobs?: number;
  /** Ends generation within a step; what was generated stands. */
  signal?: AbortSignal;
}

/** A stop token, a stop string, `maxTokens` or the end of the context, the signal. */
export type StopReason = 'eos' | 'stop' | 'length' | 'abort';

/** One generated token and the text that is clear with it, which may be empty. */
export interface Token {
  readonly id: number;
  readonly text: string;
  /** With `logprobs`: natural logarithm of its probability over the whole vocabulary, at temperature 1, before samplers. */
  readonly logprob?: number;
  /** With `logprobs`: the most likely tokens in its place, best first; it may be one of them. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

export interface TokenLogprob {
  readonly id: number;
  /** What the token alone decodes to; parts of a character are U+FFFD. */
  readonly text: string;
  readonly logprob: number;
}

/** Times of one phase. */
export interface PhaseStats {
  readonly tokens: number;
  readonly milliseconds: number;
  readonly tokensPerSecond: number;
}

export interface GenerateStats {
  readonly stopReason: StopReason;
  /** From the first step to the first token. */
  readonly prefill: PhaseStats;
  /** The tokens after the first. */
  readonly decode: PhaseStats;
}

export interface GenerateResult extends GenerateStats {
  /** What the tokens left: text that might have become a stop string, an unfinished character as U+FFFD; empty as a rule. */
  readonly textEnd: string;
}

/** What generation needs of a tokenizer. */
export interface TokenTexts {
  readonly stopTokens: ReadonlySet<number>;
  stream(): { push(token: number): string; end(): string };
  decode(tokens: readonly number[], options: { special: boolean; continuation: boolean }): string;
}

const defaultMaxTokens = 128;

/**
 * Tokens after `prompt`, one by one, until a stop token (which is not yielded), a stop string, the limit or the
 * context's end. The tokens of a stop string are yielded, since the model has said them, but none of their text from
 * where it begins. Throws `RangeError` for options out of their range, `ContextFullError` for too long a prompt.
 */
export async function* generateText(
  model: Model,
  prompt: readonly number[],
  texts: TokenTexts,
  options: GenerateOptions = {},
): AsyncGenerator<Token, GenerateResult> {
  const { maxTokens = defaultMaxTokens, signal } = options;
  const chooser = new Chooser(model, prompt, texts, options);
  const stream = texts.stream();
  const stops = new StopStrings(options.stop);
  model.kv.clear();
  const start = performance.now();
  let decodeStart = start;
  let count = 0;
  const end = (reason: StopReason): GenerateResult => {
    const textEnd = reason === 'stop' ? '' : stops.push(stream.end()).text + stops.end();
    return { ...stats(reason, prompt.length, count, start, decodeStart), textEnd };
  };
  if (maxTokens === 0) return end('length');

  let next = await prefill(model, chooser, prompt, signal);
  decodeStart = performance.now();
  while (next) {
    if (texts.stopTokens.has(next.id)) return end('eos');
    count++;
    const { text, found } = stops.push(stream.push(next.id));
    yield { ...next, text };
    if (found) return end('stop');
    if (count === maxTokens) return end('length');
    if (signal?.aborted) break;
    const position = prompt.length + count - 1;
    if (position >= model.memory.contextLength) return end('length');
    next = await chooser.step([], [{ id: next.id, position, sequence: 0, wantsLogits: true }]);
  }
  return end('abort');
}

/** Runs the prompt in chunks and chooses the token after it; undefined when aborted. */
async function prefill(model: Model, chooser: Chooser, prompt: readonly number[], signal?: AbortSignal) {
  if (prompt.length > model.memory.contextLength) {
    const { contextLength } = model.memory;
    throw new ContextFullError(
      `the prompt has ${prompt.length} tokens and the context holds ${contextLength}: raise --context, or shorten it`,
    );
  }
  const last = prompt.length - 1;
  const tokens = prompt.map((id, position) => ({ id, position, sequence: 0, wantsLogits: position === last }));
  for (let first = 0; ; first += model.maxPrefill) {
    if (signal?.aborted) return undefined;
    const chunk = tokens.slice(first, first + model.maxPrefill);
    if (first + chunk.length === tokens.length) return chooser.step(chunk, []);
    await model.run(chunk);
  }
}

function stats(
  stopReason: StopReason,
  prompt: number,
  count: number,
  start: number,
  decodeStart: number,
): GenerateStats {
  const phase = (tokens: number, milliseconds: number) => ({
    tokens,
    milliseconds,
    tokensPerSecond: milliseconds > 0 ? (1000 * tokens) / milliseconds : 0,
  });
  return {
    stopReason,
    prefill: phase(prompt, decodeStart - start),
    decode: phase(Math.max(0, count - 1), performance.now() - decodeStart),
  };
}
