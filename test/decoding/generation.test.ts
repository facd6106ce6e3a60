/** What a consumer hears of a generation, and when. */
import { expect, test } from 'vitest';
import { Generation } from '../../src/decoding/generation.ts';
import { BrokenLogitsError, Sampler } from '../../src/decoding/sampler.ts';
import { noToken } from '../../src/decoding/sampling_tables.ts';

function generation({ temperature = 0, wantsLogits = false } = {}): Generation {
  const sampler = new Sampler({ temperature, repeatPenalty: 2 }, 4);
  return new Generation(0, 1, [1, 2, 3], { sampler, maxTokens: 9, wantsLogits, speculation: 'off' });
}

const logits = Float32Array.of(0, 0, 1, 0);

test('tokens come in their order, whether somebody waits or not', async () => {
  const one = generation();
  one.pending = 3;
  const first = one.next();
  one.deliver([1]);
  one.deliver([2]);
  one.deliver([3]);
  expect(one.ahead).toBe(2);
  expect([await first, await one.next(), await one.next()]).toMatchObject([{ id: 1 }, { id: 2 }, { id: 3 }]);
  expect(one.tokens).toEqual([1, 2, 3, 1, 2, 3]);
  expect([one.chosenCount, one.ahead]).toEqual([3, 0]);
});

test('logits come with tokens for those who want them; the host chooses from them at the lowest temperatures', async () => {
  const asked = generation({ wantsLogits: true });
  asked.deliver([1], [logits]);
  expect(await asked.next()).toEqual({ id: 1, logits, isLast: false, startsPass: true });
  const chosen = generation({ temperature: 0.001 });
  expect([chosen.choosesHere, chosen.wantsRow]).toEqual([true, true]);
  chosen.deliver([1], [Float32Array.of(0, 0, 0, 5)]); // 3 is in the prompt, and its penalty leaves it the most likely
  expect(await chosen.next()).toMatchObject({ id: 3, logits: undefined });
});

test('the penalties look back on the prompt and on what was delivered', () => {
  const one = generation();
  one.deliver([2]);
  expect(one.sampler.state.recent).toEqual([1, 2, 3, 2]);
});

test('drafts: tokens stand up to the first that was not chosen, and what is behind it was never said', async () => {
  const one = generation({ wantsLogits: true });
  one.submit(true, 6, [1, 2, 3]);
  one.deliver([1, 0, 3, 3], [logits, logits, logits, logits]);
  expect(await Promise.all([one.next(), one.next()])).toMatchObject([
    { id: 1, logits, startsPass: true },
    { id: 0, logits, startsPass: false },
  ]);
  expect([one.tokens, one.computed, one.ahead]).toEqual([[1, 2, 3, 1, 0], 4, 0]);
  expect(one.sampler.state.recent).toEqual([1, 2, 3, 1, 0]);
  one.submit(true, 5, []);
  one.deliver([2]);
  expect(one.tokens).toEqual([1, 2, 3, 1, 0, 2]);
});

test('drafts: logits behind a wrong one may be no numbers; behind a right one they break the generation', async () => {
  const [wrong, right] = [generation(), generation()];
  for (const each of [wrong, right]) each.submit(true, 5, [1, 2]);
  wrong.deliver([0, noToken, noToken]);
  expect(wrong.tokens).toEqual([1, 2, 3, 0]);
  expect(() => right.deliver([1, noToken, 2])).toThrow(BrokenLogitsError);
  expect(await right.next()).toMatchObject({ id: 1 });
});

test('an error comes behind the tokens that were ready', async () => {
  const one = generation();
  one.deliver([1]);
  one.fail(new Error('the first'));
  one.fail(new Error('the second'));
  one.deliver([2]);
  expect(await one.next()).toMatchObject({ id: 1 });
  await expect(one.next()).rejects.toThrow('the first');
  await expect(one.next()).rejects.toThrow('the first');
});

test('logits that are no numbers', () => {
  expect(() => generation().deliver([noToken])).toThrow(BrokenLogitsError);
  const nan = Float32Array.of(0, Number.NaN, 0, 0);
  expect(() => generation({ temperature: 0.001 }).deliver([0], [nan])).toThrow(BrokenLogitsError);
});

test('what comes after the end changes nothing', () => {
  const one = generation();
  one.pending = 1;
  one.isEnded = true;
  one.deliver([1]);
  expect(one.tokens).toEqual([1, 2, 3]);
});

test('a full context ends it when nothing is pending', async () => {
  const one = generation();
  one.pending = 1;
  const first = one.next();
  one.fill();
  one.deliver([1]);
  expect(await first).toMatchObject({ id: 1 });
  expect(await one.next()).toBeUndefined();
});
