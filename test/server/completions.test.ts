/** /v1/completions, as OpenAI's clients and the LM Evaluation Harness send and read it. */
import { describe, expect, test } from 'vitest';
import { events, fakeServer } from './client.ts';
import { bos, eos, logitsAfter, vocabLength } from './fake_llm.ts';

const path = '/v1/completions';

test('a text goes on', async () => {
  const answer = await fakeServer().ask(path, { prompt: 'Once', max_tokens: 5 });
  expect(answer).toMatchObject({ object: 'text_completion', model: 'Fake' });
  expect(answer.choices).toEqual([{ index: 0, text: 'Hello', logprobs: null, finish_reason: 'length' }]);
  expect(answer.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 5 });
});

test('prompts in any form, several choices of each, in order', async () => {
  const { ask } = fakeServer();
  for (const prompt of ['ab', [97, 98], ['ab', 'c'], [[97], [98, 99]]]) {
    const { choices } = await ask(path, { prompt, n: 2, max_tokens: 2 });
    const count = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? 4 : 2;
    expect(choices.map(({ index, text }: { index: number; text: string }) => [index, text])).toEqual(
      Array.from({ length: count }, (_, index) => [index, 'He']),
    );
  }
});

test('BOS is added to texts as the file says, never to ids; control tokens in texts are meant', async () => {
  const { ask } = fakeServer();
  const count = async (prompt: unknown, more = {}) =>
    (await ask(path, { prompt, max_tokens: 0, ...more })).usage.prompt_tokens;
  expect(await count('ab')).toBe(3);
  expect(await count([97, 98])).toBe(2);
  expect(await count('ab</s>')).toBe(4);
  expect(await count('ab</s>', { parse_special: false })).toBe(7);
});

test('streamed, with log-probabilities', async () => {
  const { post } = fakeServer({ answer: 'wö' });
  const all = await events(await post(path, { prompt: 'x', stream: true, logprobs: 1 }));
  const choices = all.slice(0, -1).map((event) => event.choices[0]);
  expect(choices.map(({ text, finish_reason }) => [text, finish_reason])).toEqual([
    ['w', null],
    ['ö', null],
    ['', 'stop'],
  ]);
  expect(choices[1].logprobs).toMatchObject({ tokens: ['bytes:\\xc3', 'bytes:\\xb6'], text_offset: [1, 1] });
});

describe('echo', () => {
  const harness = { temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true };

  test('each token’s log-probability in float64, and one token more', async () => {
    const prompt = [97, 98, 99];
    const { choices } = await fakeServer().ask(path, { model: 'x', prompt: [prompt], ...harness });
    const { token_logprobs, top_logprobs, tokens, text_offset } = choices[0].logprobs;
    expect(token_logprobs).toHaveLength(4);
    expect(token_logprobs[0]).toBe(null);
    expect(top_logprobs[0]).toBe(null);
    for (const place of [1, 2]) {
      expect(token_logprobs[place]).toBeCloseTo(expected(prompt.slice(0, place), prompt[place]!), 12);
    }
    expect(token_logprobs[3]).toBe(Math.max(...(Object.values(top_logprobs[3]) as number[])));
    expect(tokens.slice(0, 3)).toEqual(['a', 'b', 'c']);
    expect(text_offset).toEqual([0, 1, 2, 3]);
  });

  test('greedy is told by exact equality', async () => {
    const likely = [97];
    for (let i = 0; i < 4; i++) likely.push(mostLikely(likely));
    const [greedy, other] = (
      await fakeServer().ask(path, { prompt: [likely, [97, 98, 99, 100, 101]], ...harness })
    ).choices.map(({ logprobs }: { logprobs: { token_logprobs: number[]; top_logprobs: object[] } }) =>
      logprobs.token_logprobs
        .slice(1, -1)
        .every((value, i) => value === Math.max(...(Object.values(logprobs.top_logprobs[i + 1]!) as number[]))),
    );
    expect([greedy, other]).toEqual([true, false]);
  });

  test('batches of prompts of different lengths', async () => {
    const prompt = Array.from({ length: 20 }, (_, i) => Array.from({ length: 1 + (i % 7) }, (_, j) => 97 + i + j));
    const { choices } = await fakeServer().ask(path, { prompt, ...harness });
    const alone = await Promise.all(
      prompt.map(async (tokens) => (await fakeServer().ask(path, { prompt: tokens, ...harness })).choices[0].logprobs),
    );
    expect(choices.map(({ logprobs }: { logprobs: object }) => logprobs)).toEqual(alone);
  });

  test('choices of a question are scored once up to where they part, whoever asks', async () => {
    const context = Array.from({ length: 40 }, (_, i) => 97 + (i % 20));
    const prompt = [1, 2, 3, 4].map((choice) => [...context, choice, 98]);
    const { ask, llm } = fakeServer();
    const [together, apart] = await Promise.all([
      ask(path, { prompt, ...harness }),
      Promise.all(prompt.map(async (each) => (await ask(path, { prompt: each, ...harness })).choices[0].logprobs)),
    ]);
    expect(llm.seen.scoredRows).toBeLessThan(2 * context.length + 8 * 3);
    expect(together.choices.map(({ logprobs }: { logprobs: object }) => logprobs)).toEqual(apart);
    const { choices } = await fakeServer({ wholeRows: true }).ask(path, { prompt, ...harness });
    expect(
      choices.map(({ logprobs }: { logprobs: { token_logprobs: number[] } }) => logprobs.token_logprobs.slice(1)),
    ).toEqual(
      apart.map(({ token_logprobs }) => token_logprobs.slice(1).map((value: number) => expect.closeTo(value, 12))),
    );
  });

  test('the token after the prompt stands there even where it ends the text', async () => {
    const prompt = endingPrompt();
    const { choices } = await fakeServer().ask(path, { prompt, ...harness });
    expect(choices[0].logprobs.tokens.at(-1)).toBe('</s>');
    expect(choices[0].logprobs.token_logprobs).toHaveLength(prompt.length + 1);
    expect(choices[0].finish_reason).toBe('stop');
  });

  test('a text’s offsets count its code points, as the gguf model type reads them; its BOS has none', async () => {
    const [context, continuation] = ['👋ñ:', ' né'];
    const request = { prompt: context + continuation, logprobs: 10, temperature: 0, max_tokens: 1, echo: true };
    const { choices } = await fakeServer().ask(path, request);
    const { text_offset, tokens, token_logprobs, top_logprobs } = choices[0].logprobs;
    expect(tokens[0]).toBe('<s>');
    const first = text_offset.findIndex((offset: number) => offset >= [...context].length);
    expect(tokens.slice(first, -1)).toEqual([' ', 'n', 'bytes:\\xc3', 'bytes:\\xa9']);
    expect(token_logprobs).toHaveLength(tokens.length);
    expect(Object.keys(top_logprobs.at(-2)).length).toBeGreaterThanOrEqual(10);
    expect(choices[0].text.startsWith(context + continuation)).toBe(true);
  });

  test('without log-probabilities the prompt is only told again', async () => {
    const { choices } = await fakeServer().ask(path, { prompt: 'ab', echo: true, max_tokens: 2, n: 2 });
    expect(choices.map(({ text }: { text: string }) => text)).toEqual(['abHe', 'abHe']);
  });

  test('before a longer answer, streamed too', async () => {
    const { post, ask } = fakeServer();
    const request = { prompt: 'ab', echo: true, max_tokens: 3, logprobs: 0 };
    const whole = (await ask(path, request)).choices[0];
    expect(whole.text).toBe('abHel');
    expect(whole.logprobs.tokens).toEqual(['<s>', 'a', 'b', 'H', 'e', 'l']);
    expect(whole.logprobs.text_offset).toEqual([0, 0, 1, 2, 3, 4]);
    const all = await events(await post(path, { ...request, stream: true }));
    const parts = all.slice(0, -1).map((event) => event.choices[0]);
    expect(parts.map(({ text }) => text).join('')).toBe('abHel');
    expect(parts.flatMap(({ logprobs }) => logprobs?.tokens ?? [])).toEqual(whole.logprobs.tokens);
  });

  test('max_tokens 0: the prompt alone', async () => {
    const { choices } = await fakeServer().ask(path, { prompt: [97, 98], echo: true, max_tokens: 0, logprobs: 1 });
    expect(choices[0].logprobs.tokens).toEqual(['a', 'b']);
    expect(choices[0].finish_reason).toBe('length');
  });
});

test.each([
  [{ prompt: [] }, 'prompt'],
  [{ prompt: [[]] }, 'prompt'],
  [{ prompt: ['a', 1] }, 'prompt'],
  [{ prompt: [vocabLength] }, 'prompt'],
  [{ prompt: [-1] }, 'prompt'],
  [{ prompt: { text: 'a' } }, 'prompt'],
  [{}, 'prompt'],
  [{ prompt: 'a', suffix: 'b' }, 'suffix'],
  [{ prompt: 'a', best_of: 3 }, 'best_of'],
  [{ prompt: 'a', logprobs: 1000 }, 'logprobs'],
  [{ prompt: Array(100).fill('a'), n: 100 }, 'n'],
])('%j is refused, and the field named', async (body, param) => {
  expect(await fakeServer().refused(path, body)).toMatchObject({ status: 400, param: expect.stringMatching(param) });
});

function expected(before: readonly number[], token: number): number {
  const logits = [...logitsAfter(before)];
  return logits[token]! - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
}

function mostLikely(before: readonly number[]): number {
  const logits = logitsAfter(before);
  return logits.indexOf(Math.max(...logits));
}

/** A prompt after which the text is most likely over. */
function endingPrompt(): number[] {
  for (let a = 0; a < bos; a++) {
    for (let b = 0; b < bos; b++) if (mostLikely([a, b]) === eos) return [a, b];
  }
  throw new Error('there is none');
}
