import type { LLM, LoadOptions } from '../../src/index.ts';
import type { Source } from '../../src/runtime/model_source.ts';

/** Prompts of a real model, and how llama.cpp goes on, as long as its best two logits are apart. */
export interface GreedyCase {
  readonly source: Source;
  readonly prompts: readonly (readonly number[])[];
  readonly expected: readonly (readonly number[])[];
}

/** What a home says to the same prompts. */
export async function continuations(
  load: (source: Source, options: Omit<LoadOptions, 'device'>) => Promise<LLM>,
  cases: readonly GreedyCase[],
): Promise<number[][][]> {
  const all: number[][][] = [];
  for (const { source, prompts, expected } of cases) {
    await using llm = await load(source, { precision: 'exact', contextLength: 512 });
    const answers: number[][] = [];
    for (const [i, prompt] of prompts.entries()) {
      const tokens = llm.generate(prompt, { temperature: 0, maxTokens: expected[i]!.length });
      answers.push((await Array.fromAsync(tokens)).map(({ id }) => id));
    }
    all.push(answers);
  }
  return all;
}
