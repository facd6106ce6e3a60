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
  llm = await load(pocket, { sequences: atOnce, contextLength: 1024 * atOnce });
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
        return true;
      } catch {
        return false;
      }
    });
}

test('answers to 200 schemas parse and are valid, those too that have no end of their own', async () => {
  const all = [
    ...schemas.map((schema) => ({ schema, draft: '2020' as const })),
    ...suiteSchemas().map((schema) => ({ schema, draft: '7' as const })),
  ];
  expect(all.length).toBeGreaterThanOrEqual(200);
  const ends = { eos: 0, length: 0 };
  await each(all, async ({ schema, draft }, i) => {
    const responseFormat = { type: 'json_schema', schema } as const;
    const { text, stopReason } = await answer({ responseFormat, seed: i, maxTokens: 400 });
    expect(validator(schema, draft)(JSON.parse(text)), `${JSON.stringify(schema)}: ${text}`).toBeUndefined();
    ends[stopReason as keyof typeof ends]++;
  });
  const suite = all.length - schemas.length;
  console.log(
    `${schemas.length} schemas, ${suite} of the test suite: ${ends.eos} ended, ${ends.length} brought to an end`,
  );
  expect(ends.eos + ends.length).toBe(all.length);
  expect(ends.eos).toBeGreaterThanOrEqual(200);
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
  const kinds: readonly ((seed: number) => GenerateOptions)[] = [
    (seed) => ({ seed, logitBias: never }),
    (seed) => ({ seed, logitBias: never, regex: '[\\s\\S]*' }),
    (seed) => ({ seed, responseFormat: { type: 'json_schema', schema: schema! } }),
  ];
  const rounds: number[][] = [];
  for (let round = -2; round < 45; round++) {
    const times: number[] = [];
    for (let i = 0; i < kinds.length; i++) {
      const kind = (round + 2 + i) % kinds.length; // each comes first, second and last equally often
      times[kind] = await perToken(kinds[kind]!((round + 3) % 5));
    }
    if (round >= 0) rounds.push(times);
  }
  const [free, text, json] = kinds.map((_, kind) => median(rounds.map((times) => times[kind]!))) as [
    number,
    number,
    number,
  ];
  const ratios = [1, 2].map((kind) => median(rounds.map((times) => times[kind]! / times[0]!)));
  const shown = [free, text, json, ...ratios].map((each) => each.toFixed(2));
  console.log(
    `medians: ${shown[0]} ms a free token, ${shown[1]} of any text, ${shown[2]} of JSON; in pairs ${shown[3]} and ${shown[4]} times`,
  );
  expect(Math.max(...ratios)).toBeLessThan(1.2); // only where nobody else works on the machine
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
