import type { LocalLLM, StreamingStats } from '../index.ts';

/** What is timed: `depth` tokens stand in the cache when the clock starts, then `prompt` is taken in, then `decode` follow. */
export interface Run {
  readonly depth: readonly number[];
  readonly prompt: readonly number[];
  readonly decode: number;
}

/** Milliseconds from the prompt to its first token, and from there to the last. */
export interface Times {
  readonly prefill: number;
  readonly decode: number;
}

export interface RunResult extends Times {
  /** Where weights are streamed. */
  readonly streaming?: StreamingStats;
}

/** Greedy, without guesses; an error where the cache holds anything else than `depth` before. */
export async function timeRun(llm: LocalLLM, { depth, prompt, decode }: Run, signal?: AbortSignal): Promise<RunResult> {
  const plain = { temperature: 0, speculation: 'off', ...(signal && { signal }) } as const;
  if (depth.length > 0) await timeTokens(llm.generate(depth, { ...plain, maxTokens: 1 }), 0);
  const tokens = llm.generate([...depth, ...prompt], { ...plain, maxTokens: decode + 1 });
  const times = await timeTokens({ [Symbol.asyncIterator]: () => ({ next: () => tokens.next() }) }, decode, signal);
  const { done, value } = await tokens.next();
  if (!done || value.cachedTokens !== depth.length)
    throw new Error('the cache held another part of the prompt than was asked');
  return { ...times, ...(value.streaming && { streaming: value.streaming }) };
}

/** Times of tokens as they come: the prompt's first, then `decode` more. */
export async function timeTokens(tokens: AsyncIterable<unknown>, decode: number, signal?: AbortSignal): Promise<Times> {
  const start = performance.now();
  let firstToken = 0;
  let count = 0;
  for await (const _ of tokens) {
    if (count++ === 0) firstToken = performance.now();
    if (count > decode) break;
  }
  signal?.throwIfAborted();
  if (count <= decode) throw new Error(`the model ended after ${count} tokens`);
  return { prefill: firstToken - start, decode: performance.now() - firstToken };
}
