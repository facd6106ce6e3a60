/** What engines are timed at, in llama-bench's words: `pp512`, `tg32`, and `tg32@4096` at a depth. */
import type { Engine, Run } from './engine.ts';
import { promptTokens } from './prompt_tokens.ts';

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

/** One run of it; no two turns begin with the same token. */
export function runOf({ kind, tokens, depth }: BenchTest, turn: number): Run {
  const all = promptTokens(depth + (kind === 'pp' ? tokens : 1), turn);
  return { depth: all.slice(0, depth), prompt: all.slice(depth), decode: kind === 'pp' ? 0 : tokens };
}

/** Tokens a second of one run. */
export async function timeTest(engine: Engine, test: BenchTest, turn: number): Promise<number> {
  const { prefill, decode } = await engine.run(runOf(test, turn));
  return (1000 * test.tokens) / (test.kind === 'pp' ? prefill : decode);
}

/** Positions that the longest of them takes, in whole pages of any engine. */
export function contextFor(tests: readonly BenchTest[]): number {
  const longest = Math.max(...tests.map(({ tokens, depth }) => depth + tokens + 1));
  return Math.ceil(longest / 256) * 256;
}
