/** /v1/chat/completions, as OpenAI's clients send and read it. */
import { expect, test } from 'vitest';
import { events, fakeServer } from './client.ts';

const path = '/v1/chat/completions';
const messages = [{ role: 'user', content: 'Hi' }];

test('an answer, whole', async () => {
  const { ask } = fakeServer();
  const answer = await ask(path, { model: 'any/name', messages });
  expect(answer).toMatchObject({ object: 'chat.completion', model: 'any/name' });
  expect(answer.choices).toEqual([
    {
      index: 0,
      message: { role: 'assistant', content: 'Hello, wörld!', refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ]);
  const [prompt, completion] = ['user: Hi\n'.length + 1, 14];
  expect(answer.usage).toMatchObject({
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  });
  expect(answer.timings).toMatchObject({ prompt_n: prompt, predicted_n: completion - 1 });
});

test('streamed: role, whole characters, reason, usage, [DONE]', async () => {
  const { post } = fakeServer();
  const response = await post(path, { messages, stream: true, stream_options: { include_usage: true } });
  expect(response.headers.get('Content-Type')).toBe('text/event-stream');
  const all = await events(response);
  expect(all[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
  expect(all.at(-1)).toBe('[DONE]');
  expect(all.at(-2)).toMatchObject({ choices: [], usage: { completion_tokens: 14 } });
  expect(all.at(-3).choices[0]).toEqual({ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' });
  const texts = all.slice(1, -3).map(({ choices }) => choices[0].delta.content);
  expect(texts).toEqual([...'Hello, wörld!']);
  expect(new Set(all.slice(0, -1).map(({ id }) => id)).size).toBe(1);
});

test('without include_usage no chunk has any', async () => {
  const { post } = fakeServer();
  const all = await events(await post(path, { messages, stream: true }));
  expect(all.filter((event) => event.usage !== undefined)).toEqual([]);
});

test('n choices; the prompt counts once', async () => {
  const { ask, llm } = fakeServer({ sequences: 3 });
  const { choices, usage } = await ask(path, { messages, n: 5, seed: 7 });
  expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3, 4]);
  expect(usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 5 * 14 });
  expect(llm.seen.most).toBe(3);
});

test('stop strings, more than four, and the limit by each of its names', async () => {
  const { ask } = fakeServer();
  const end = async (fields: object) => {
    const { choices } = await ask(path, { messages, ...fields });
    return [choices[0].message.content, choices[0].finish_reason];
  };
  expect(await end({ stop: ['a', 'b', 'c', 'x', 'wö'] })).toEqual(['Hello, ', 'stop']);
  expect(await end({ stop: 'lo' })).toEqual(['Hel', 'stop']);
  expect(await end({ max_tokens: 2 })).toEqual(['He', 'length']);
  expect(await end({ max_completion_tokens: 3, max_tokens: 9 })).toEqual(['Hel', 'length']);
  expect(await end({ n_predict: 1 })).toEqual(['H', 'length']);
  expect(await end({ n_predict: -1 })).toEqual(['Hello, wörld!', 'stop']);
  expect(await end({ max_tokens: 0 })).toEqual(['', 'length']);
});

test('log-probabilities with bytes', async () => {
  const { ask } = fakeServer({ answer: 'ö' });
  const { choices } = await ask(path, { messages, logprobs: true, top_logprobs: 2 });
  const { content } = choices[0].logprobs;
  expect(content.map(({ token, bytes }: { token: string; bytes: number[] }) => [token, bytes])).toEqual([
    ['bytes:\\xc3', [0xc3]],
    ['bytes:\\xb6', [0xb6]],
  ]);
  for (const { logprob, top_logprobs } of content) {
    expect(top_logprobs).toHaveLength(2);
    expect(logprob).toBe(top_logprobs[0].logprob);
  }
});

test('what is not said has the defaults of the model’s card', async () => {
  const { ask, llm } = fakeServer();
  await ask(path, { messages, temperature: null, top_p: null, stop: null, seed: null });
  expect(llm.seen.options[0]).toMatchObject({ maxTokens: Number.POSITIVE_INFINITY, wantsLogits: false });
});

test('texts in parts, developers, further fields of messages, unknown fields', async () => {
  const { ask } = fakeServer();
  const parts = [
    {
      role: 'developer',
      content: [
        { type: 'text', text: 'Be ' },
        { type: 'text', text: 'brief.' },
      ],
    },
    { role: 'user', content: 'Hi', name: 'Marta' },
  ];
  const { prompt } = await ask('/apply-template', { messages: parts });
  expect(prompt).toBe('<s>system: Be brief.\nuser: Hi\n');
  await ask(path, { messages: parts, user: 'me', metadata: {}, cache_prompt: true, whatever: [1] });
});

test.each([
  [{ functions: [{ name: 'f' }] }, 'functions'],
  [{ function_call: { name: 'f' } }, 'function_call'],
  [{ guided_grammar: 'start: "a"' }, 'guided_grammar'],
  [{ mirostat: 2 }, 'mirostat'],
  [{ stop_token_ids: [3] }, 'stop_token_ids'],
  [{ web_search_options: {} }, 'web_search_options'],
])('%j cannot be honoured', async (fields, param) => {
  const error = await fakeServer().refused(path, { messages, ...fields });
  expect(error).toMatchObject({ status: 400, param, code: 'unsupported_parameter', type: 'invalid_request_error' });
  expect(error.message).toContain(param);
});

test('the same fields without effect are taken', async () => {
  const { ask } = fakeServer();
  const neutral = { tools: [], tool_choice: 'auto', response_format: { type: 'text' }, grammar: '', mirostat: 0 };
  await ask(path, { messages, ...neutral, functions: null });
});

test.each([
  [{ messages: [] }, 'messages'],
  [{ messages: 'Hi' }, 'messages'],
  [{ messages: [{ role: 'nobody', content: 'Hi' }] }, 'messages.0.role'],
  [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: '' } }] }] }, 'messages.0.content'],
  [{ messages, temperature: -1 }, 'temperature'],
  [{ messages, top_p: 2 }, 'top_p'],
  [{ messages, logit_bias: { x: 1 } }, 'logit_bias.x'],
  [{ messages, logit_bias: { 258: 1 } }, 'logit_bias'],
  [{ messages, stop: '' }, 'stop'],
  [{ messages, n: 0 }, 'n'],
  [{ messages, top_logprobs: 2 }, 'top_logprobs'],
  [{ messages, stream: 'yes' }, 'stream'],
])('%j is refused, and the field named', async (body, param) => {
  expect(await fakeServer().refused(path, body)).toMatchObject({ status: 400, param });
});

test('a prompt that no context holds', async () => {
  const long = [{ role: 'user', content: 'x'.repeat(600) }];
  const error = await fakeServer().refused(path, { messages: long, stream: true });
  expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'messages' });
});

test('other models’ names are errors where asked for', async () => {
  const { refused, ask } = fakeServer({ strictModel: true, modelName: 'mine' });
  expect(await refused(path, { messages, model: 'other' })).toMatchObject({ status: 404, code: 'model_not_found' });
  expect((await ask(path, { messages, model: 'mine' })).model).toBe('mine');
  expect((await ask(path, { messages })).model).toBe('mine');
});
