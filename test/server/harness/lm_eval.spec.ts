/** The LM Evaluation Harness itself against `webgguf serve`: scores as llama.cpp's log-probabilities give them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readExpected, sharedData } from '../../fixtures/shared_data.ts';
import { type Started, startServer } from '../started.ts';
import { lmEval, type Outcome, writeTasks } from './lm_eval.ts';

const model = 'stories260K-untied-ff192-q8_0';
const tolerance = 1e-3;
const documents = 100;

interface Item {
  readonly task: string;
  readonly doc: number;
  readonly results: readonly { readonly logprob: number; readonly is_greedy: boolean }[];
  readonly acc: number;
}

let folder: string;
let server: Started;
let items: readonly Item[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webgguf-harness-'));
  await writeTasks(folder);
  await writeStories();
  items = JSON.parse(await readFile(sharedData(`expected/loglikelihood.${model}-dequant-f32.json`), 'utf8')).items;
  const path = sharedData(`models/${model}.gguf`);
  server = await startServer('-m', path, '--precision', 'exact', '--no-log', '--parallel', '8');
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const completions = (more = {}) => ({ model: 'm', base_url: `${server.url}/v1/completions`, max_length: 512, ...more });
const choiceTasks = ['openbookqa_local', 'xcopa_it_local'];
const limit = ['--limit', String(documents)];

describe('local-completions', () => {
  let alone: Outcome;

  test('multiple choice: log-probabilities, greediness and accuracy as recorded', async () => {
    alone = await lmEval(folder, 'local-completions', completions(), choiceTasks, '--batch_size', '8', ...limit);
    expectRecorded(alone);
  });

  test('num_concurrent=8: the same to the last bit', async () => {
    const together = await lmEval(
      folder,
      'local-completions',
      completions({ num_concurrent: 8 }),
      choiceTasks,
      ...limit,
    );
    for (const task of choiceTasks) expect(responses(together, task)).toEqual(responses(alone, task));
  });

  test('generation, and rolling perplexity', async () => {
    const tasks = ['story_end', 'story_perplexity'];
    const { results } = await lmEval(folder, 'local-completions', completions(), tasks);
    expect(results.story_end!['exact_match,none']).toBe(1);
    const { bits, bytes } = await recordedBits();
    expect(results.story_perplexity!['bits_per_byte,none']).toBeCloseTo(bits / bytes, 5);
  });
});

describe('gguf', () => {
  test('multiple choice and generation', async () => {
    const outcome = await lmEval(
      folder,
      'gguf',
      { base_url: server.url },
      [...choiceTasks, 'story_end'],
      '--limit',
      '10',
    );
    expectRecorded(outcome, 10);
    expect(outcome.results.story_end!['exact_match,none']).toBe(1);
  });
});

function expectRecorded({ results, samples }: Outcome, count = documents): void {
  for (const task of choiceTasks) {
    const recorded = items.filter((item) => item.task === task.replace('_local', '')).slice(0, count);
    const got = responses({ samples, results }, task);
    recorded.forEach((item, i) => {
      item.results.forEach(({ logprob, is_greedy }, k) => {
        const [value, greedy] = got[i]![k]!;
        expect(Math.abs(value - logprob)).toBeLessThan(tolerance);
        expect(greedy).toBe(is_greedy);
      });
    });
    const accuracy = recorded.reduce((sum, { acc }) => sum + acc, 0) / count;
    expect(results[task]!['acc,none']).toBeCloseTo(accuracy, 10);
  }
}

/** Log-probability and greediness of each choice, by document. The harness writes numbers as texts, in full. */
function responses({ samples }: Outcome, task: string): [number, boolean][][] {
  return samples[task]!.map(({ filtered_resps }) =>
    (filtered_resps as [string | number, string | boolean][]).map(([value, greedy]) => [
      Number(value),
      String(greedy) === 'True' || greedy === true,
    ]),
  );
}

/** What llama.cpp went on with, up to the line's end; and the text whose logits it left. */
async function writeStories(): Promise<void> {
  const { prompt, generated_text } = await storyJson();
  const [answer] = generated_text.split('\n') as [string];
  await writeFile(join(folder, 'story_end.jsonl'), `${JSON.stringify({ prompt, answer })}\n`);
  await writeFile(join(folder, 'story_perplexity.jsonl'), `${JSON.stringify({ text: await storyText() })}\n`);
}

async function storyJson() {
  return JSON.parse(await readFile(sharedData(`expected/${model}-dequant-f32.once.json`), 'utf8'));
}

async function storyText(): Promise<string> {
  const { prompt, generated_text } = await storyJson();
  return prompt + generated_text;
}

/** Of the same text, by llama.cpp's own logits. */
async function recordedBits(): Promise<{ bits: number; bytes: number }> {
  const { tokens, logits } = await readExpected(`${model}-dequant-f32.once`);
  const text = await storyText();
  const response = await fetch(`${server.url}/tokenize`, {
    method: 'POST',
    body: JSON.stringify({ prompt: text }),
    headers: { 'Content-Type': 'application/json' },
  });
  const { tokens: ids } = (await response.json()) as { tokens: number[] };
  expect(ids.slice(0, tokens.length)).toEqual(tokens); // otherwise the recorded rows are another text's
  let nats = 0;
  for (let i = 1; i < ids.length; i++) {
    const row = [...logits[i - 1]!];
    nats += Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[ids[i]!]!;
  }
  return { bits: nats / Math.LN2, bytes: new TextEncoder().encode(text).length };
}
