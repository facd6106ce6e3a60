/** Sixty-four clients at once on the built-in model, and what it gains to generate for eight of them together. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { beforeAll, expect, test } from 'vitest';
import { type Started, startServer } from '../started.ts';

const seconds = Number(process.env.LOAD_SECONDS ?? 120);
const clients = 64;
/** On a processor, where eight rows cost nearly eight times one row's arithmetic; on a GPU it is twice that. */
const leastGain = 1.5;

/** Answers are as long as they may be. */
const neverEnds = { 2: -100, 5: -100 };

interface Asked {
  readonly messages: OpenAI.ChatCompletionMessageParam[];
  readonly max_tokens: number;
}

const asked: Asked[] = [];

beforeAll(async () => {
  const lines = (await readFile(join(import.meta.dirname, '../../../models/heldout.jsonl'), 'utf8')).trim().split('\n');
  const questions = lines.map((line) => JSON.parse(line) as Pick<Asked, 'messages'> & { kind: string });
  const kinds = [...new Set(questions.map(({ kind }) => kind))];
  for (const [i, kind] of kinds.entries()) {
    const { messages } = questions.find((question) => question.kind === kind)!;
    asked.push({ messages, max_tokens: 8 + 8 * (i % 9) });
  }
});

test(`${clients} clients for ${seconds} s: each is answered as if alone, and together they are faster`, async () => {
  const alone = await measured(1);
  const together = await measured(8);
  expect(alone.wrong).toEqual([]);
  expect(together.wrong).toEqual([]);
  const gain = together.tokensPerSecond / alone.tokensPerSecond;
  console.log(
    `parallel 1: ${alone.tokensPerSecond.toFixed(1)} tok/s, 8: ${together.tokensPerSecond.toFixed(1)}; ${gain.toFixed(2)}×`,
  );
  expect(gain).toBeGreaterThan(leastGain);
});

async function measured(parallel: number): Promise<{ tokensPerSecond: number; wrong: string[] }> {
  await using server = await startServer('--no-log', '--parallel', String(parallel), '--context', '16384');
  const expected: string[] = [];
  for (const each of asked) expected.push((await answer(server, each)).text);

  const wrong: string[] = [];
  let tokens = 0;
  const start = performance.now();
  const isOver = () => performance.now() - start > seconds * 1000;
  const client = async (place: number) => {
    for (let round = 0; !isOver(); round++) {
      const which = (place * 7 + round * 5) % asked.length;
      try {
        const { text, count } = await answer(server, asked[which]!);
        tokens += count;
        if (text !== expected[which]) wrong.push(`${text}, not ${expected[which]}`);
      } catch (error) {
        wrong.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, place) => client(place)));
  return { tokensPerSecond: (1000 * tokens) / (performance.now() - start), wrong };
}

async function answer(server: Started, { messages, max_tokens }: Asked): Promise<{ text: string; count: number }> {
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0, timeout: 600_000 });
  const request = {
    model: 'pocket',
    messages,
    max_tokens,
    temperature: 0,
    logit_bias: neverEnds,
    stream: true as const,
  };
  const stream = await client.chat.completions.create({ ...request, stream_options: { include_usage: true } });
  let [text, count] = ['', 0];
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    count = chunk.usage?.completion_tokens ?? count;
  }
  return { text, count };
}
