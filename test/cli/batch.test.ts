/** Batches: what is read, how it goes on, what is refused; without a GPU. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { AnswerFile } from '../../src/cli/batch/answers.ts';
import { requestIds } from '../../src/cli/batch/requests.ts';
import { runBatch } from '../../src/cli/batch/run.ts';
import { formatProgress } from '../../src/cli/batch.ts';
import { Service } from '../../src/server/index.ts';
import { type FakeOptions, fakeLlm } from '../server/fake_llm.ts';

const folder = mkdtempSync(join(tmpdir(), 'webgguf-batch-'));
afterAll(() => rmSync(folder, { recursive: true }));
let [input, output] = ['', ''];
let count = 0;
beforeEach(() => {
  [input, output] = [join(folder, `${++count}.in.jsonl`), join(folder, `${count}.out.jsonl`)];
});

const chat = (id: string | number, body: object = {}) => ({
  custom_id: `request-${id}`,
  method: 'POST',
  url: '/v1/chat/completions',
  body: { messages: [{ role: 'user', content: `Hi ${id}` }], ...body },
});
const write = (requests: readonly object[]) =>
  writeFileSync(input, requests.map((each) => `${JSON.stringify(each)}\n`).join('\n'));
const lines = () =>
  readFileSync(output, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

async function batch(options: FakeOptions & { signal?: AbortSignal; onAnswer?: (answered: number) => void } = {}) {
  const { signal = new AbortController().signal, onAnswer = () => undefined, ...fake } = options;
  const service = new Service({ queueLength: Number.POSITIVE_INFINITY });
  const llm = fakeLlm({ sequences: 8, ...fake });
  service.ready(llm);
  const ids = await requestIds(input);
  await using answers = await AnswerFile.open(output, ids);
  const progress = await runBatch(service, input, answers, ids.size, signal, ({ answered }) => onAnswer(answered));
  return { llm, progress };
}

test('every request is answered once, many at a time, failures among them', async () => {
  write([
    ...Array.from({ length: 30 }, (_, i) => chat(i)),
    chat('bad', { temperature: -1 }),
    chat('stream', { stream: true }),
    { custom_id: 'text', url: '/v1/completions', body: { prompt: 'a', max_tokens: 3 } },
    { custom_id: 'vector', url: '/v1/embeddings', body: { input: 'a' } },
  ]);
  const { llm, progress } = await batch();
  expect(progress).toMatchObject({ total: 34, done: 34, answered: 34, failed: 2 });
  expect(llm.seen.most).toBe(8);
  const answers = new Map(lines().map((line) => [line.custom_id, line]));
  expect(answers.size).toBe(34);
  expect(answers.get('request-7')).toMatchObject({
    id: expect.stringMatching(/^batch_req_/),
    response: { status_code: 200, body: { choices: [{ message: { content: 'Hello, wörld!' } }] } },
    error: null,
  });
  expect(answers.get('request-bad').response).toMatchObject({
    status_code: 400,
    body: { error: { param: 'temperature' } },
  });
  expect(answers.get('request-stream').response).toMatchObject({
    status_code: 400,
    body: { error: { param: 'stream' } },
  });
  expect(answers.get('vector').response.body.data).toHaveLength(1);
});

test('what was stopped goes on, also behind half a line', async () => {
  write(Array.from({ length: 40 }, (_, i) => chat(i)));
  for (const at of [3, 9, 1]) {
    const controller = new AbortController();
    await batch({ signal: controller.signal, onAnswer: (answered) => answered === at && controller.abort() });
    writeFileSync(output, '{"id":"batch_req_1","custom_id":"request-3', { flag: 'a' });
  }
  const { progress } = await batch();
  expect(progress.done).toBe(40);
  expect(progress.answered).toBeLessThanOrEqual(27);
  expect(
    lines()
      .map(({ custom_id }) => custom_id)
      .sort(),
  ).toEqual(Array.from({ length: 40 }, (_, i) => `request-${i}`).sort());
});

test('a fault of the server is tried again', async () => {
  write([chat(1)]);
  let tokens = 0;
  const { progress } = await batch({
    beforeToken: async () => {
      if (tokens++ === 4) throw new Error('something broke');
    },
  });
  expect(progress).toMatchObject({ done: 1, failed: 0 });
});

test.each([
  ['', 'has no requests'],
  ['nonsense', 'line 1: it is not JSON'],
  ['[]', 'line 1: custom_id is missing'],
  ['{"custom_id":"a","url":"/v1/files","body":{}}', 'line 1: url is /v1/chat/completions or'],
  ['{"custom_id":"a","url":"/v1/completions"}', 'line 1: body is missing'],
  ['{"custom_id":"a","method":"GET","url":"/v1/completions","body":{}}', 'line 1: method is POST, not "GET"'],
  [`${JSON.stringify(chat(1))}\n\n${JSON.stringify(chat(1))}`, 'line 3: custom_id "request-1" is there already'],
])('%j is no batch', async (text, message) => {
  writeFileSync(input, text);
  await expect(requestIds(input)).rejects.toThrow(message);
});

test.each([
  ['nonsense\n', 'line 1 is no answer to this batch'],
  ['{"custom_id":"other"}\n', 'line 1 is no answer to this batch'],
  ['{"custom_id":"request-1"}\n{"custom_id":"request-1"}\n', 'line 2 answers "request-1" once more'],
])('answers are not added to %j', async (text, message) => {
  write([chat(1)]);
  writeFileSync(output, text);
  await expect(batch()).rejects.toThrow(message);
  expect(readFileSync(output, 'utf8')).toBe(text);
});

test('progress tells the time that is left', () => {
  const progress = { total: 1000, done: 400, answered: 300, failed: 2, tokens: 6000 };
  expect(formatProgress(progress, 60)).toBe('400 of 1000 answered, 2 refused, 100.0 tok/s, 2 min left');
  expect(formatProgress({ ...progress, done: 1000, failed: 0 }, 60)).toBe(
    '1000 of 1000 answered, 100.0 tok/s, in 60 s',
  );
});
