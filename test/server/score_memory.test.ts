import { expect, test } from 'vitest';
import type { Score } from '../../src/server/score.ts';
import { ScoreMemory } from '../../src/server/score_memory.ts';

const next = { id: 0, logprob: 0, top: [] };

/** The row from which a prompt was scored. */
async function scoredFrom(memory: ScoreMemory, tokens: readonly number[]): Promise<number> {
  let began = -1;
  await memory.score(tokens, 1, async (from): Promise<Score> => {
    began = from;
    const prompt = tokens.slice(from + 1).map((id) => ({ id, logprob: -1, top: [{ id, logprob: -1 }] }));
    return { prompt, next };
  });
  return began;
}

test('prompts are remembered, the long ones not for ever', async () => {
  const memory = new ScoreMemory();
  const prompt = (first: number) => Array.from({ length: 100_000 }, (_, i) => (i === 0 ? first : i));
  expect(await scoredFrom(memory, prompt(1))).toBe(0);
  expect(await scoredFrom(memory, prompt(1))).toBe(99_999);
  for (const first of [2, 3, 4]) await scoredFrom(memory, prompt(first));
  expect(await scoredFrom(memory, prompt(4))).toBe(99_999);
  expect(await scoredFrom(memory, prompt(1))).toBe(0);
});
