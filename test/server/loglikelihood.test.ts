/** Log-likelihoods over HTTP, asked as the LM Evaluation Harness asks, against llama.cpp's; test:harness takes all of them. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';
import { startServer } from './started.ts';

interface Item {
  readonly task: string;
  readonly ctx: string;
  readonly choices: readonly string[];
  readonly results: readonly { readonly logprob: number; readonly is_greedy: boolean }[];
  readonly acc: number;
  readonly gold: number;
}

/** Every so many of the 240 documents. */
const stride = 12;
const tolerance = 1e-3;

test.runIf(hasSharedData)(`each of 240/${stride} documents’ choices within ${tolerance}`, async () => {
  const expected = 'expected/loglikelihood.stories260K-untied-ff192-q8_0-dequant-f32.json';
  const { items } = JSON.parse(await readFile(sharedData(expected), 'utf8')) as { items: Item[] };
  const model = sharedData('models/stories260K-untied-ff192-q8_0.gguf');
  await using server = await startServer('-m', model, '--precision', 'exact', '--no-log');
  const post = async (path: string, body: object) => {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body), headers });
    return (await response.json()) as { tokens: number[]; choices: { logprobs: Logprobs }[] };
  };
  const tokensOf = async (prompt: string): Promise<number[]> => (await post('/tokenize', { prompt })).tokens;

  const chosen = items.filter((_, i) => i % stride === 0);
  const asked = await Promise.all(
    chosen.map(async ({ ctx, choices }) => ({
      start: (await tokensOf(ctx)).length,
      prompt: await Promise.all(choices.map((choice) => tokensOf(ctx + choice))),
    })),
  );
  const answers = await Promise.all(
    asked.map(async ({ start, prompt }) => {
      const request = { model: 'm', prompt, temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true };
      return (await post('/v1/completions', request)).choices.map(({ logprobs }) => read(logprobs, start));
    }),
  );
  chosen.forEach(({ results, acc, gold, task }, i) => {
    const got = answers[i] as ReturnType<typeof read>[];
    expect(got.map(({ isGreedy }) => isGreedy)).toEqual(results.map(({ is_greedy }) => is_greedy));
    results.forEach(({ logprob }, k) => {
      expect(Math.abs(got[k]!.sum - logprob)).toBeLessThan(tolerance);
    });
    const sums = got.map(({ sum }) => sum);
    if (!task.includes('mc2')) expect(Number(sums.indexOf(Math.max(...sums)) === gold)).toBe(acc);
  });
});

interface Logprobs {
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
}

/** As the harness's `parse_logprobs`: from the context's end to before the generated token. */
function read({ token_logprobs, top_logprobs }: Logprobs, start: number): { sum: number; isGreedy: boolean } {
  const values = token_logprobs.slice(start, -1);
  const tops = top_logprobs.slice(start, -1);
  return {
    sum: values.reduce((a, b) => a + b, 0),
    isGreedy: values.every((value, i) => value === Math.max(...Object.values(tops[i]!))),
  };
}
