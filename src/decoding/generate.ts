import { ContextFullError } from './kv_cache.ts';
import type { BatchToken, Model } from './model.ts';
import { Sampler, type SamplingOptions } from './sampler.ts';

export interface GenerateOptions extends SamplingOptions {
  /** Tokens to generate, at most. Default 128. */
  maxTokens?: number;
  /** Ends generation within a step; what was generated stands. */
  signal?: AbortSignal;
}

export type StopReason = 'eos' | 'length' | 'abort';

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

const defaultMaxTokens = 128;

/** Tokens after `prompt`, one by one, until a stop token (which is not yielded), the limit or the context's end. */
export async function* generateTokens(
  model: Model,
  prompt: readonly number[],
  stopTokens: ReadonlySet<number>,
  options: GenerateOptions = {},
): AsyncGenerator<number, GenerateStats> {
  const { maxTokens = defaultMaxTokens, signal } = options;
  const sampler = new Sampler(options);
  model.kv.clear();
  const start = performance.now();
  if (maxTokens === 0) return stats('length', prompt.length, 0, start, start);

  let next = await prefill(model, sampler, prompt, signal);
  const decodeStart = performance.now();
  let count = 0;
  for (; next !== undefined; count++) {
    if (stopTokens.has(next)) return stats('eos', prompt.length, count, start, decodeStart);
    yield next;
    if (count + 1 === maxTokens) return stats('length', prompt.length, count + 1, start, decodeStart);
    if (signal?.aborted) break;
    const position = prompt.length + count;
    if (position >= model.memory.contextLength) return stats('length', prompt.length, count + 1, start, decodeStart);
    next = await step(model, sampler, [], [{ id: next, position, sequence: 0, wantsLogits: true }]);
  }
  return stats('abort', prompt.length, count, start, decodeStart);
}

/** Runs the prompt in chunks and chooses the token after it; undefined when aborted. */
async function prefill(model: Model, sampler: Sampler, prompt: readonly number[], signal?: AbortSignal) {
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
    if (first + chunk.length === tokens.length) return step(model, sampler, chunk, []);
    await model.run(chunk);
  }
}

/** Runs one step and chooses the token after its last. */
async function step(model: Model, sampler: Sampler, prefill: readonly BatchToken[], decode: readonly BatchToken[]) {
  if (sampler.temperature === 0) return (await model.readArgmax(prefill, decode))[0] as number;
  return sampler.sample(await model.readLogits(prefill, decode));
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
