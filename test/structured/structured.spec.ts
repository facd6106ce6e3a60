/** Every answer of the built-in model has the form that it is held to; what that costs. */
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  checkGrammar,
  type GenerateOptions,
  type GenerateResult,
  type JsonSchema,
  type LocalLLM,
} from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { schemas } from '../grammar/schemas.ts';
import { validator } from '../grammar/validate.ts';
import { pocket } from '../server/started.ts';
import { forms } from './grammars.ts';

const messages = [{ role: 'user', content: 'Tell me of a city.' }];
const atOnce = 8;
let llm: LocalLLM;
beforeAll(async () => {
  llm = await load(pocket, { sequences: atOnce });
});
afterAll(() => llm[Symbol.asyncDispose]());

async function answer(options: GenerateOptions): Promise<GenerateResult & { text: string }> {
  const tokens = llm.chat(messages, { temperature: 0.8, ...options });
  let text = '';
  for (;;) {
    const { value, done } = await tokens.next();
    if (done) return { ...value, text: text + value.textEnd };
    text += value.text;
  }
}

async function each<T>(items: readonly T[], work: (item: T, i: number) => Promise<void>): Promise<void> {
  const left = [...items.entries()];
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) await work(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Schemas of the JSON Schema Test Suite that can be enforced. */
function suiteSchemas(): JsonSchema[] {
  const suite = dirname(createRequire(import.meta.url).resolve('json-schema-test-suite/package.json'));
  const groups = globSync(join(suite, 'tests/draft4/*.json'))
    .sort()
    .flatMap((path) => JSON.parse(readFileSync(path, 'utf8')) as { schema: JsonSchema }[]);
  return groups
    .map(({ schema }) => schema)
    .filter((schema) => {
      try {
        checkGrammar({ responseFormat: { type: 'json_schema', schema } });
        return typeof schema === 'object' && schema.type !== undefined;
      } catch {
        return false;
      }
    });
}

test('answers to 200 schemas parse and are valid', async () => {
  const all = [...schemas, ...suiteSchemas()];
  console.log(`${schemas.length} schemas, ${all.length - schemas.length} of the test suite`);
  expect(all.length).toBeGreaterThanOrEqual(200);
  const cutOff: string[] = [];
  await each(all, async (schema, i) => {
    const { text, stopReason } = await answer({
      responseFormat: { type: 'json_schema', schema },
      seed: i,
      maxTokens: 1500,
    });
    if (stopReason === 'length') return void cutOff.push(JSON.stringify(schema));
    expect(stopReason).toBe('eos');
    expect(validator(schema)(JSON.parse(text)), `${JSON.stringify(schema)}: ${text}`).toBeUndefined();
  });
  console.log(`cut off: ${cutOff.join(' ')}`);
  const bounded = new Set(schemas.map((schema) => JSON.stringify(schema)));
  expect(cutOff.filter((schema) => bounded.has(schema))).toEqual([]); // some of the suite bound no length: a small model rambles
  expect(all.length - cutOff.length).toBeGreaterThanOrEqual(200);
});

test('answers in 50 other forms are of them', async () => {
  expect(forms.length).toBeGreaterThanOrEqual(50);
  await each(forms, async ({ whole, ...form }, i) => {
    const { text, stopReason } = await answer({ ...form, seed: i, maxTokens: 400 });
    expect([stopReason, whole.test(text)], `${JSON.stringify(form)}: ${JSON.stringify(text)}`).toEqual(['eos', true]);
  });
});

test('a token under a grammar costs at most 1.2 times a free one', async () => {
  const [ends, schema] = [
    [...llm.tokenizer.stopTokens],
    schemas.find((each) => JSON.stringify(each).includes('participants')),
  ];
  const never = Object.fromEntries(ends.map((token) => [token, -100]));
  const perToken = async (options: GenerateOptions) => {
    const { decode } = await answer({ maxTokens: 64, speculation: 'off', ...options });
    return decode.milliseconds / decode.tokens;
  };
  const times = { free: [] as number[], text: [] as number[], json: [] as number[] };
  for (let round = -2; round < 30; round++) {
    const seed = (round + 3) % 3;
    const [free, text, json] = [
      await perToken({ seed, logitBias: never }),
      await perToken({ seed, logitBias: never, regex: '[\\s\\S]*' }),
      await perToken({ seed, responseFormat: { type: 'json_schema', schema: schema! } }),
    ];
    if (round < 0) continue;
    times.free.push(free);
    times.text.push(text);
    times.json.push(json);
  }
  // the least disturbed of each: the machine is shared
  const [free, text, json] = [times.free, times.text, times.json].map((of) => Math.min(...of)) as [
    number,
    number,
    number,
  ];
  console.log(`ms a token: free ${free.toFixed(2)}, any text ${text.toFixed(2)}, JSON ${json.toFixed(2)}`);
  expect(Math.max(text, json) / free).toBeLessThan(1.2);
});
