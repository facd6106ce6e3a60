/** The generate loop over a model that says what it is told to. */
import { describe, expect, test } from 'vitest';
import { type GenerateOptions, type GenerateResult, generateText, type Token } from '../../src/decoding/generate.ts';
import type { BatchToken, Model } from '../../src/decoding/model.ts';

const words = ['', 'He', 'llo', ' wor', 'ld', '!', '\n', 'User', ':'];
const eos = 0;
const texts = {
  stopTokens: new Set([eos]),
  stream: () => ({ push: (id: number) => words[id]!, end: () => '' }),
  decode: (ids: readonly number[]) => ids.map((id) => words[id]).join(''),
};

/** Says `answer` greedily: after a prompt of one token the token at position p is answer[p]. */
function modelThatSays(answer: readonly number[]) {
  const reads: string[] = [];
  const next = (prefill: readonly BatchToken[], decode: readonly BatchToken[]) =>
    answer[[...prefill, ...decode].at(-1)!.position] ?? eos;
  const model = {
    config: { vocabLength: words.length },
    memory: { contextLength: 64 },
    maxPrefill: 8,
    kv: { clear: () => undefined },
    async readArgmax(prefill: readonly BatchToken[], decode: readonly BatchToken[]) {
      reads.push('argmax');
      return Uint32Array.of(next(prefill, decode));
    },
    async readLogits(prefill: readonly BatchToken[], decode: readonly BatchToken[]) {
      reads.push('logits');
      const id = next(prefill, decode);
      return Float32Array.from(words, (_, i) => (i === id ? 4 : i / 10));
    },
  };
  return { model: model as unknown as Model, reads };
}

async function generate(answer: readonly number[], options: GenerateOptions) {
  const { model, reads } = modelThatSays(answer);
  const tokens: Token[] = [];
  const stream = generateText(model, [1], texts, { temperature: 0, ...options });
  for (;;) {
    const { value, done } = await stream.next();
    if (!done) tokens.push(value as Token);
    else {
      const { stopReason, textEnd } = value as GenerateResult;
      const text = tokens.map(({ text }) => text).join('');
      return { tokens, reads, ids: tokens.map(({ id }) => id), text, stopReason, textEnd, stats: value };
    }
  }
}

describe('the end', () => {
  const answer = [1, 2, 3, 4, 5, 6, 7, 8, 1];

  test('a stop string across tokens: its text is not yielded, the ids of its tokens are', async () => {
    const result = await generate(answer, { stop: ['\nUser:'] });
    expect(result).toMatchObject({ text: 'Hello world!', textEnd: '', stopReason: 'stop' });
    expect(result.ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(result.tokens.slice(-3).map(({ text }) => text)).toEqual(['', '', '']);
    expect(result.stats).toMatchObject({ prefill: { tokens: 1 }, decode: { tokens: 7 } });
  });

  test('within a token: what stands before it is yielded', async () => {
    expect(await generate(answer, { stop: ['or'] })).toMatchObject({
      text: 'Hello w',
      ids: [1, 2, 3],
      stopReason: 'stop',
    });
  });

  test('text held back comes with the token that makes it clear, or at the end', async () => {
    const result = await generate([1, 2, 3, 4], { stop: ['lo world?', 'ld!!'] });
    expect(result.tokens.map(({ text }) => text)).toEqual(['He', 'l', '', '']);
    expect(result).toMatchObject({ textEnd: 'lo world', stopReason: 'eos' });
    const cut = await generate(answer, { stop: ['lo world?'], maxTokens: 3 });
    expect(cut).toMatchObject({ text: 'Hel', textEnd: 'lo wor', stopReason: 'length' });
  });

  test('a stop string at the limit is a stop; abort stands', async () => {
    expect(await generate(answer, { stop: ['llo'], maxTokens: 2 })).toMatchObject({ text: 'He', stopReason: 'stop' });
    expect(await generate(answer, { signal: AbortSignal.abort() })).toMatchObject({ ids: [], stopReason: 'abort' });
  });
});

describe('log-probabilities', () => {
  test('of each token, with alternatives and their texts', async () => {
    const { tokens, reads } = await generate([1, 2], { logprobs: 2 });
    const logSum = Math.log(Math.exp(4) + words.reduce((sum, _, i) => sum + (i === 2 ? 0 : Math.exp(i / 10)), 0));
    expect(tokens[1]).toMatchObject({
      id: 2,
      text: 'llo',
      topLogprobs: [
        { id: 2, text: 'llo' },
        { id: 8, text: ':' },
      ],
    });
    expect(tokens[1]!.logprob).toBeCloseTo(4 - logSum, 6);
    expect(tokens[1]!.topLogprobs![1]!.logprob).toBeCloseTo(0.8 - logSum, 6);
    expect(new Set(reads)).toEqual(new Set(['logits']));
  });

  test('are of the model, before samplers', async () => {
    const plain = await generate([1], { logprobs: 0 });
    const sampled = await generate([1], {
      logprobs: 0,
      temperature: 0.01,
      topK: 1,
      logitBias: { 1: 50 },
      maxTokens: 1,
    });
    expect(sampled.tokens[0]).toEqual(plain.tokens[0]);
    expect(plain.tokens[0]!.topLogprobs).toEqual([]);
  });

  test('nobody asks: greedy stays on the GPU, and tokens carry none', async () => {
    const { tokens, reads } = await generate([1, 2], { topK: 3, stop: ['x'] });
    expect(tokens).toEqual([
      { id: 1, text: 'He' },
      { id: 2, text: 'llo' },
    ]);
    expect(new Set(reads)).toEqual(new Set(['argmax']));
  });
});

test('penalties look back on the prompt and on the answer', async () => {
  expect((await generate([1, 1], { presencePenalty: 2, maxTokens: 2 })).ids).toEqual([1, 1]);
  const { ids } = await generate([1, 2, 2], { presencePenalty: 2, frequencyPenalty: 2, maxTokens: 3 });
  expect(ids).toEqual([8, 2, 7]); // 1 stands in the prompt, 2 has been said once, 8 too
});

test.each([
  [{ logprobs: -1 }, /logprobs takes a whole number from 0 on, not -1/],
  [{ logprobs: 0.5 }, /logprobs/],
  [{ stop: [''] }, /stop takes strings that are not empty/],
  [{ topP: 3 }, /topP takes a number from 0 to 1/],
  [{ logitBias: { 99: 1 } }, /logitBias’s token takes a whole number from 0 to 8, not 99/],
])('%j is refused before any step', async (options, message) => {
  const { model, reads } = modelThatSays([]);
  await expect(generateText(model, [1], texts, options).next()).rejects.toThrow(message);
  expect(reads).toEqual([]);
});
