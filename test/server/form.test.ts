/** The forms that answers are held to, as clients of OpenAI, llama-server and vLLM ask for them. */
import { expect, test } from 'vitest';
import { events, fakeServer } from './client.ts';

const [chat, completions] = ['/v1/chat/completions', '/v1/completions'];
const messages = [{ role: 'user', content: 'Hi' }];
const schema = {
  type: 'object',
  properties: { n: { type: 'integer', minimum: 7, maximum: 9 }, ok: { type: 'boolean' } },
  required: ['n', 'ok'],
};
const isValid = (text: string) => {
  const { n, ok, ...others } = JSON.parse(text);
  return n >= 7 && n <= 9 && typeof ok === 'boolean' && Object.keys(others).length === 0;
};

test.each([
  [{ response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } }, isValid],
  [{ response_format: { type: 'json_object', schema } }, isValid],
  [{ json_schema: schema }, isValid],
  [{ guided_json: schema }, isValid],
  [{ grammar: 'root ::= "a" [0-9]{3}' }, (text: string) => /^a\d{3}$/.test(text)],
  [{ guided_regex: '(yes|no)[.!]' }, (text: string) => /^(yes|no)[.!]$/.test(text)],
  [{ guided_choice: ['one (1)', 'two'] }, (text: string) => ['one (1)', 'two'].includes(text)],
  [{ structured_outputs: { json: schema, regex: null } }, isValid],
  [{ structured_outputs: { json_object: true } }, (text: string) => text.startsWith('{') && JSON.parse(text) !== null],
  [{ structured_outputs: { regex: '(yes|no)[.!]' } }, (text: string) => /^(yes|no)[.!]$/.test(text)],
  [{ structured_outputs: { choice: ['one (1)', 'two'] } }, (text: string) => ['one (1)', 'two'].includes(text)],
  [
    { response_format: { type: 'text' }, structured_outputs: { grammar: 'root ::= "a" [0-9]{3}' } },
    (text: string) => /^a\d{3}$/.test(text),
  ],
  [{ response_format: { type: 'text' }, grammar: '', json_schema: null }, (text: string) => text === 'Hello, wörld!'],
])('%j', async (form, isRight) => {
  const { ask, post } = fakeServer();
  const whole = await ask(chat, { messages, n: 2, ...form });
  for (const { message, finish_reason } of whole.choices) {
    expect([isRight(message.content), finish_reason]).toEqual([true, 'stop']);
  }
  const { choices } = await ask(completions, { prompt: ['a', 'b'], ...form });
  expect(choices.map(({ text }: { text: string }) => isRight(text))).toEqual([true, true]);
  const streamed = await events(await post(chat, { messages, stream: true, ...form }));
  expect(
    isRight(
      streamed
        .slice(0, -1)
        .map((each) => each.choices[0].delta.content ?? '')
        .join(''),
    ),
  ).toBe(true);
});

test.each([
  [
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } } },
    'response_format',
    'not cannot be enforced',
  ],
  [{ json_schema: { type: 'array', uniqueItems: true } }, 'json_schema', 'uniqueItems'],
  [{ grammar: 'root ::= "a' }, 'grammar', 'line 1'],
  [{ grammar: 'root ::= root "a" | "b"' }, 'grammar', 'begins with itself'],
  [{ guided_regex: '(?=a)' }, 'guided_regex', 'lookahead'],
  [{ grammar: 'root ::= "a"', json_schema: {} }, 'json_schema', 'one form'],
  [{ structured_outputs: { regex: 'a', choice: ['a'] } }, 'structured_outputs', 'one form'],
  [{ structured_outputs: { structural_tag: '{}' } }, 'structured_outputs', 'structural_tag'],
  [{ structured_outputs: { json: { not: {} } } }, 'structured_outputs', 'not cannot be enforced'],
  [{ response_format: { type: 'xml' } }, 'response_format.type', ''],
  [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema', ''],
])('%j is a 400 that says why, streamed or not', async (form, param, message) => {
  const { refused } = fakeServer();
  for (const stream of [false, true]) {
    const error = await refused(chat, { messages, stream, ...form });
    expect(error).toMatchObject({ status: 400, param, type: 'invalid_request_error' });
    expect(error.message).toContain(message);
  }
});
