/** What engines are timed at, in llama-bench's words: `pp512`, `tg32`, and `tg32@4096` at a depth. */

import { promptTokens } from './prompt_tokens.ts';
import type { Run, Times } from './run.ts';

export interface BenchTest {
  readonly name: string;
  /** `pp` takes tokens in at once, `tg` generates them one by one. */
  readonly kind: 'pp' | 'tg';
  readonly tokens: number;
  /** Tokens that stand in the cache before. */
  readonly depth: number;
}

/** A list divided by commas; an error that tells the form of what is none. */
export function parseTests(list: string): BenchTest[] {
  return list.split(',').map((name) => {
    const [, kind, tokens, depth = '0'] = /^(pp|tg)([1-9]\d{0,6})(?:@(\d{1,7}))?$/.exec(name) ?? [];
    if (kind === undefined) throw new Error(`there is no test "${name}"; pp512, tg32 and tg32@4096 are some`);
    return { name, kind: kind as BenchTest['kind'], tokens: Number(tokens), depth: Number(depth) };
  });
}

/** One run of it. No two turns begin with the same token; those at a depth share what stands before. */
export function runOf({ kind, tokens, depth }: BenchTest, turn: number, vocabLength?: number): Run {
  return {
    depth: promptTokens(depth, 0, vocabLength),
    prompt: promptTokens(kind === 'pp' ? tokens : 1, turn + 1, vocabLength),
    decode: kind === 'pp' ? 0 : tokens,
  };
}

/** Tokens a second. */
export function rateOf({ kind, tokens }: BenchTest, { prefill, decode }: Times): number {
  return (1000 * tokens) / (kind === 'pp' ? prefill : decode);
}

/** Positions that the longest of them takes, in whole pages of any engine. */
export function contextFor(tests: readonly BenchTest[]): number {
  const longest = Math.max(...tests.map(({ tokens, depth }) => depth + tokens + 1));
  return Math.ceil(longest / 256) * 256;
}
