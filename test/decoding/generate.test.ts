/** The generate loop over a model that says what it is told to. */
import { describe, expect, test } from 'vitest';
import {
  type GenerateOptions,
  type GenerateResult,
  type Generator,
  generateText,
  type Token,
} from '../../src/decoding/generate.ts';
import type { GenerationOptions } from '../../src/decoding/generation.ts';

const words = ['', 'He', 'llo', ' wor', 'ld', '!', '\n', 'User', ':'];
const eos = 0;
const texts = {
  vocabLength: words.length,
  stopTokens: new Set([eos]),
  stream: () => ({ push: (id: number) => words[id]!, end: () => '' }),
  decode: (ids: readonly number[]) => ids.map((id) => words[id]).join(''),
};

interface Running {
  readonly reused: number;
  readonly wantsLogits: boolean;
  place: number;
}

/** Says `answer`, after a prompt of one token, then eos for ever. */
function generatorThatSays(answer: readonly number[]) {
  const asked: string[] = [];
  const generator: Generator<Running> = {
    async start(prompt: readonly number[], { wantsLogits, maxTokens }: GenerationOptions) {
      asked.push(`start ${maxTokens}${wantsLogits ? ' logits' : ''}`);
      return { reused: 0, place: prompt.length - 1, wantsLogits };
    },
    async next(running) {
      const id = answer[running.place++] ?? eos;
      const logits = Float32Array.from(words, (_, i) => (i === id ? 4 : i / 10));
      return { id, logits: running.wantsLogits ? logits : undefined, startsPass: true };
    },
    end: (_, length) => asked.push(`end ${length}`),
  };
  return { generator, asked };
}

async function generate(answer: readonly number[], options: GenerateOptions) {
  const { generator, asked } = generatorThatSays(answer);
  const tokens: Token[] = [];
  const stream = generateText(generator, [1], texts, { temperature: 0, ...options });
  for (;;) {
    const { value, done } = await stream.next();
    if (!done) tokens.push(value as Token);
    else {
      const { stopReason, textEnd } = value as GenerateResult;
      const text = tokens.map(({ text }) => text).join('');
      return { tokens, asked, ids: tokens.map(({ id }) => id), text, stopReason, textEnd, stats: value };
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
    const { tokens, asked } = await generate([1, 2], { logprobs: 2 });
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
    expect(asked[0]).toBe('start 128 logits');
  });

  test('nobody asks: no logits are read, and tokens carry none', async () => {
    const { tokens, asked } = await generate([1, 2], { topK: 3, stop: ['x'] });
    expect(tokens).toEqual([
      { id: 1, text: 'He' },
      { id: 2, text: 'llo' },
    ]);
    expect(asked).toEqual(['start 128', 'end 3']); // eos is not among what stands
  });
});

test.each([
  [{ logprobs: -1 }, /logprobs takes a whole number from 0 on, not -1/],
  [{ logprobs: 0.5 }, /logprobs/],
  [{ stop: [''] }, /stop takes strings that are not empty/],
  [{ topP: 3 }, /topP takes a number from 0 to 1/],
  [{ logitBias: { 99: 1 } }, /logitBias’s token takes a whole number from 0 to 8, not 99/],
])('%j is refused before any step', async (options, message) => {
  const { generator, asked } = generatorThatSays([]);
  await expect(generateText(generator, [1], texts, options).next()).rejects.toThrow(message);
  expect(asked).toEqual([]);
});
