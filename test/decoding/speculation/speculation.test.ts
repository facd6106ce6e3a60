/** When drafts are verified: by what passes cost and what became of the drafts before. */
import { afterEach, expect, test, vi } from 'vitest';
import { type ComposeLimits, composeStep } from '../../../src/decoding/compose.ts';
import { Generation } from '../../../src/decoding/generation.ts';
import { Sampler } from '../../../src/decoding/sampler.ts';
import { Speculation } from '../../../src/decoding/speculation/speculation.ts';

const limits: ComposeLimits = {
  maxPrefill: 64,
  maxDecode: 8,
  maxLogits: 8,
  maxRows: 16,
  maxAhead: 1,
  contextLength: 4096,
};

afterEach(() => {
  vi.restoreAllMocks();
});

/**
 * A text of `length` tokens, of which the model says `says` in their places, by passes whose milliseconds follow from
 * their columns. Gives the columns of each pass, and what all took.
 */
function run(
  length: number,
  says: (place: number) => number,
  costs: (columns: number) => number,
  speculation = new Speculation(),
) {
  let now = 1;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const sampler = new Sampler({ temperature: 0 }, 1000);
  const generation = new Generation(0, 0, [says(0), says(1)], {
    sampler,
    maxTokens: length,
    wantsLogits: false,
    speculation: 'auto',
  });
  const columns: number[] = [];
  while (generation.chosenCount < length) {
    const plan = speculation.plan([generation], limits, 0);
    if (plan === 'wait' || plan instanceof Promise) throw new Error('nothing is on its way');
    const step = composeStep([generation], limits, plan?.drafts)!;
    const submitted = now;
    now += costs(step.rows.length);
    columns.push(step.rows.length);
    const before = generation.tokens.length;
    generation.deliver(step.rows.map((_, i) => says(before + i)));
    speculation.record(step, submitted, generation.tokens.length - before, limits.maxAhead);
    while (generation.ahead > 0) generation.next();
  }
  return { columns, milliseconds: now - 1, plain: length * costs(1), speculation };
}

const repeating = (place: number) => place % 12;
const everNew = (place: number) => place % 1000;
/** Pairs come again, and what follows is always another. */
const misleading = (place: number) => (place % 3 === 2 ? 10 + ((place * 7919) % 900) : place % 3);

const streaming = (columns: number) => 5000 + columns;
const dear = (columns: number) => 10 * (1 + 0.643 * (2 ** Math.ceil(Math.log2(columns)) - 1));
const hopeless = (columns: number) => 10 * columns;

test('where columns cost next to nothing, a text that repeats is soon verified eight at a time', () => {
  const { columns, milliseconds, plain } = run(200, repeating, streaming);
  expect(columns.slice(-5)).toEqual([8, 8, 8, 8, expect.any(Number)]);
  expect(200 / columns.length).toBeGreaterThan(4);
  expect(plain / milliseconds).toBeGreaterThan(4);
});

test('where eight columns cost 5.5 of one, it is still worth it', () => {
  const { columns, milliseconds, plain } = run(300, repeating, dear);
  expect(300 / columns.length).toBeGreaterThan(1.8);
  expect(plain / milliseconds).toBeGreaterThan(1.1);
});

test.each([
  ['a text that repeats, where each column costs a pass', repeating, hopeless],
  ['a text that never repeats', everNew, dear],
  ['guesses that are always wrong', misleading, dear],
  [
    'guesses that are always wrong, where each column costs two passes',
    misleading,
    (columns: number) => 20 * columns - 10,
  ],
] as const)('never slower than 0.95 of what it were without: %s', (_, says, costs) => {
  const { milliseconds, plain } = run(128, says, costs);
  expect(plain / milliseconds).toBeGreaterThan(0.95);
  const longer = run(1000, says, costs);
  expect(longer.plain / longer.milliseconds).toBeGreaterThan(0.96);
});

test('a text that stops repeating, behind one that repeated', () => {
  const { speculation } = run(300, repeating, dear);
  const { milliseconds, plain } = run(128, misleading, dear, speculation);
  expect(plain / milliseconds).toBeGreaterThan(0.95);
});

test('passes that become cheaper are noticed', () => {
  const { speculation, columns } = run(200, repeating, hopeless);
  expect(columns.slice(-20)).toContain(1);
  const later = run(400, repeating, streaming, speculation);
  expect(later.columns.at(-2)).toBe(8);
});

test('steps on their way are waited for where there are drafts, and for them alone', () => {
  const { speculation } = run(50, repeating, streaming);
  const sampler = new Sampler({ temperature: 0 }, 1000);
  const options = { sampler, maxTokens: 90, wantsLogits: false, speculation: 'auto' } as const;
  const [twice, once] = [
    [1, 2, 3, 4, 5, 1, 2, 3],
    [1, 2, 3, 4, 5],
  ].map((prompt) => new Generation(0, 0, prompt, options));
  for (const each of [twice!, once!]) composeStep([each], limits);
  expect(speculation.plan([once!], { ...limits, maxAhead: 4 }, 1)).toBeUndefined();
  expect(speculation.plan([twice!], { ...limits, maxAhead: 4 }, 1)).toBe('wait');
  twice!.deliver([4]);
  expect(speculation.plan([twice!], { ...limits, maxAhead: 4 }, 0)).toEqual({
    running: [twice],
    drafts: new Map([[twice, [5, 1, 2, 3, 4, 5, 1]]]),
  });
});

test('a prompt on its way is not held up', () => {
  const speculation = new Speculation();
  const sampler = new Sampler({ temperature: 0 }, 1000);
  const options = { sampler, maxTokens: 90, wantsLogits: false, speculation: 'always' } as const;
  const made = [0, 1].map((sequence) => new Generation(sequence, 0, [1, 2, 1, 2], options));
  composeStep([made[0]!], limits);
  made[0]!.deliver([1]);
  made[0]!.next();
  expect(speculation.plan(made, limits, 0)).toBeUndefined();
  expect(speculation.plan([made[0]!], limits, 0)).toMatchObject({ running: [made[0]] });
});
