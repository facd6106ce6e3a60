/** Requests that nobody meant: every one is answered with a right status in OpenAI's shape, and the service goes on. */
import { expect, test } from 'vitest';
import { operations } from '../../src/server/app.ts';
import { fakeServer } from './client.ts';

const seed = Number(process.env.FUZZ_SEED ?? 1);
const count = 2000;

const paths = operations.filter(({ body, params }) => body && !params).map(({ path }) => path);
const valid: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { model: 'x', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4, n: 2, stop: ['x'] },
  '/v1/completions': { prompt: ['ab', 'c'], echo: true, logprobs: 2, max_tokens: 3, logit_bias: { 97: 1 } },
  '/v1/embeddings': { input: [[97], [98]], encoding_format: 'base64' },
  '/tokenize': { prompt: 'ab', add_special_tokens: true },
  '/detokenize': { tokens: [97, 98] },
  '/apply-template': { messages: [{ role: 'user', content: 'Hi' }] },
};

test(`${count} requests, seed ${seed}`, async () => {
  const random = generator(seed);
  const { post, ask, llm, service } = fakeServer({ maxBodyBytes: 20_000, contextLength: 64 });
  const wrong: unknown[] = [];
  const statuses = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const path = pick(random, paths);
    const body = malformed(random, valid[path] as object);
    const response = await post(path, body);
    const text = await response.text();
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const isRight = response.status === 200 || ([400, 404, 413].includes(response.status) && hasErrorShape(text));
    if (!isRight) wrong.push({ path, body: body.slice(0, 300), status: response.status, text: text.slice(0, 300) });
  }
  expect(wrong).toEqual([]);
  expect(statuses.get(400)).toBeGreaterThan(count / 4);
  expect(statuses.get(200)).toBeGreaterThan(count / 10);
  expect([llm.seen.running, service.queue.busy, service.queue.waiting]).toEqual([0, 0, 0]);
  await ask('/v1/chat/completions', valid['/v1/chat/completions']);
});

function hasErrorShape(text: string): boolean {
  const { error } = JSON.parse(text);
  return typeof error.message === 'string' && typeof error.type === 'string' && 'param' in error && 'code' in error;
}

type Random = () => number;

/** A body that was valid, with something of it exchanged, left out or cut. */
function malformed(random: Random, body: object): string {
  const how = random();
  const text = JSON.stringify(how < 0.8 ? changed(random, body, 0) : body);
  if (how < 0.8) return text;
  const place = Math.floor(random() * text.length);
  if (how < 0.9) return text.slice(0, place);
  return text.slice(0, place) + String.fromCharCode(Math.floor(random() * 0x300)) + text.slice(place + 1);
}

function changed(random: Random, value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.15)
    return random() < 0.5 ? value : anything(random, 0);
  if (Array.isArray(value)) return value.map((item) => (random() < 0.5 ? item : changed(random, item, depth + 1)));
  const entries = Object.entries(value).flatMap(([key, item]) => {
    if (random() < 0.07) return [];
    return [[key, random() < 0.6 ? item : changed(random, item, depth + 1)]];
  });
  if (random() < 0.4) entries.push([pick(random, fieldNames), anything(random, 0)]);
  return Object.fromEntries(entries);
}

const fieldNames = [
  'temperature top_p top_k min_p seed stop stream n max_tokens logprobs top_logprobs logit_bias tools response_format',
  'stream_options model user grammar chat_template_kwargs echo best_of suffix dimensions __proto__ constructor',
].flatMap((names) => names.split(' '));

const scalars = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  2 ** 31,
  2 ** 53,
  -1e308,
  1e308,
  0.5,
  '',
  'x',
  '\u0000',
  '\ud800',
  '👋',
  '</s>',
];

function anything(random: Random, depth: number): unknown {
  const kind = random();
  if (depth > 3 || kind < 0.5) return pick(random, scalars);
  if (kind < 0.6) return 'long '.repeat(Math.floor(random() * 50));
  if (kind < 0.62) return nested(Math.floor(random() * 2000));
  const items = Array.from({ length: Math.floor(random() * 4) }, () => anything(random, depth + 1));
  return kind < 0.8 ? items : Object.fromEntries(items.map((item) => [pick(random, fieldNames), item]));
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** Mulberry32: 0 up to 1. */
function generator(start: number): Random {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
