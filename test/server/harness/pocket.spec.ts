/** Tasks in five languages out of the built-in model's own held-out questions, through the harness. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Started, startServer } from '../started.ts';
import { languages, lmEval, writeTasks } from './lm_eval.ts';

interface Question {
  readonly kind: string;
  readonly language: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly answer: string;
  readonly contains?: readonly string[];
}

const models = join(import.meta.dirname, '../../../models');
/** Questions whose best two tokens are so near that the card's float32 pass may choose the other. */
const nearTies = 1;

let folder: string;
let server: Started;
let questions: readonly Question[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webgguf-harness-'));
  await writeTasks(folder);
  server = await startServer('--precision', 'exact', '--no-log', '--parallel', '8', '--context', '16384');
  const lines = (await readFile(join(models, 'heldout.jsonl'), 'utf8')).trim().split('\n');
  questions = lines.map((line) => JSON.parse(line) as Question);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('a task in each language scores what the card states', async () => {
  for (const language of languages) await writeQuestions(language);
  const args = { model: 'pocket', base_url: `${server.url}/v1/completions`, num_concurrent: 8, max_length: 2048 };
  const tasks = languages.map((language) => `pocket_${language}`);
  const { results, samples } = await lmEval(folder, 'local-completions', args, tasks);
  const stated = await cardScores();
  for (const language of languages) {
    const task = `pocket_${language}`;
    const right = Math.round(results[task]!['acc,none']! * samples[task]!.length);
    expect(samples[task]!.length, language).toBe(stated[language]!.asked);
    expect(Math.abs(right - stated[language]!.right), language).toBeLessThanOrEqual(nearTies);
  }
});

test('local-chat-completions answers as the prompts do', async () => {
  const system = questions[0]!.messages[0]!.content;
  const alone = questions.filter(({ kind, messages }) => kind === 'capital' && messages[0]!.content === system);
  const lines = alone.map(({ messages, answer }) => JSON.stringify({ question: messages[1]!.content, answer }));
  await writeFile(join(folder, 'pocket_chat.jsonl'), `${lines.join('\n')}\n`);
  const args = { model: 'pocket', base_url: `${server.url}/v1/chat/completions`, num_concurrent: 4 };
  const outcome = await lmEval(folder, 'local-chat-completions', args, ['pocket_chat'], '--apply_chat_template');
  const said = outcome.samples.pocket_chat!.map(({ filtered_resps }) => filtered_resps[0]);
  const direct = await Promise.all(alone.map(({ messages }) => answerTo(messages)));
  expect(said).toEqual(direct);
  expect(said.length).toBeGreaterThan(20);
});

/** The questions of a language, each as the prompt that the chat template makes. */
async function writeQuestions(language: string): Promise<void> {
  const lines = await Promise.all(
    questions
      .filter((question) => question.language === language)
      .map(async ({ messages, answer, contains = [] }) => {
        const { prompt } = await post('/apply-template', { messages });
        return JSON.stringify({ prompt, answer, contains });
      }),
  );
  await writeFile(join(folder, `pocket_${language}.jsonl`), `${lines.join('\n')}\n`);
}

async function answerTo(messages: Question['messages']): Promise<string> {
  const { choices } = await post('/v1/chat/completions', { messages, temperature: 0, max_tokens: 120 });
  return choices![0]!.message.content;
}

async function post(path: string, body: object) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body), headers });
  return (await response.json()) as { prompt: string; choices?: { message: { content: string } }[] };
}

/** The row `all` of the card's table: right answers of questions, by language. */
async function cardScores(): Promise<Record<string, { right: number; asked: number }>> {
  const card = await readFile(join(models, 'README.md'), 'utf8');
  const [, row = ''] = /^\| all +\|(.+)\|$/m.exec(card) ?? [];
  const cells = row.split('|').map((cell) => cell.trim().split('/').map(Number) as [number, number]);
  return Object.fromEntries(languages.map((language, i) => [language, { right: cells[i]![0], asked: cells[i]![1] }]));
}
