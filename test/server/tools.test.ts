/** Tools in /v1/chat/completions: calls whole and streamed, required and refused. */
import { expect, test } from 'vitest';
import { events, fakeServer } from './client.ts';

const path = '/v1/chat/completions';
const messages = [{ role: 'user', content: 'Hi' }];
const parameters = {
  type: 'object',
  properties: { city: { enum: ['Bilbao', 'Vigo'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
};
const tools = [
  { type: 'function', function: { name: 'get_weather', description: 'of a city', parameters } },
  { type: 'function', function: { name: 'now', parameters: { type: 'object', maxProperties: 0 } } },
];
const call = (city: string) =>
  `<tool_call>\n{"name": "get_weather", "arguments": {"city": "${city}", "days": 3}}\n</tool_call>`;

test('an answer that calls tools, whole and streamed', async () => {
  const { ask, post } = fakeServer({ answer: `I look.\n${call('Bilbao')}\n${call('Vigo')}` });
  const { choices } = await ask(path, { messages, tools });
  const [first, second] = choices[0].message.tool_calls;
  expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'I look.' } });
  expect(first).toEqual({
    id: expect.stringMatching(/^\w{9}$/),
    type: 'function',
    function: { name: 'get_weather', arguments: '{"city": "Bilbao", "days": 3}' },
  });
  expect(JSON.parse(second.function.arguments)).toEqual({ city: 'Vigo', days: 3 });

  const chunks = (await events(await post(path, { messages, tools, stream: true }))).slice(0, -1);
  const deltas = chunks.map((chunk) => chunk.choices[0].delta);
  expect(deltas.map(({ content = '' }) => content).join('')).toBe('I look.');
  const told = deltas.flatMap(({ tool_calls = [] }) => tool_calls);
  expect(told.filter(({ id }) => id).map(({ index, type, function: { name } }) => [index, type, name])).toEqual([
    [0, 'function', 'get_weather'],
    [1, 'function', 'get_weather'],
  ]);
  for (const [index, city] of ['Bilbao', 'Vigo'].entries()) {
    const own = told.filter((each) => each.index === index);
    expect(own.length).toBeGreaterThan(5);
    expect(JSON.parse(own.map((each) => each.function.arguments).join(''))).toEqual({ city, days: 3 });
  }
  expect(chunks.at(-1).choices[0]).toMatchObject({ delta: {}, finish_reason: 'tool_calls' });
});

test('an answer that might and does not', async () => {
  const { ask } = fakeServer();
  const { choices } = await ask(path, { messages, tools });
  expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'Hello, wörld!' } });
  expect(choices[0].message).not.toHaveProperty('tool_calls');
  const none = await fakeServer({ answer: call('Vigo') }).ask(path, { messages, tools, tool_choice: 'none' });
  expect(none.choices[0].message.content).toBe(call('Vigo'));
});

test.each([
  ['required', ['get_weather', 'now']],
  [{ type: 'function', function: { name: 'now' } }, ['now']],
  [{ type: 'function', function: { name: 'get_weather' } }, ['get_weather']],
])('tool_choice %j calls whatever the model would have said', async (tool_choice, names) => {
  const { ask } = fakeServer();
  for (const seed of [1, 2, 3]) {
    const asked = { messages, tools, tool_choice, seed, temperature: 1, parallel_tool_calls: false };
    const { choices } = await ask(path, asked);
    const { tool_calls, content } = choices[0].message;
    expect([choices[0].finish_reason, content, tool_calls.length]).toEqual(['tool_calls', null, 1]);
    const { name, arguments: written } = tool_calls[0].function;
    expect(names).toContain(name);
    const given = JSON.parse(written);
    if (name === 'get_weather') expect(['Bilbao', 'Vigo']).toContain(given.city);
  }
});

test('arguments outside the schema cannot be said', async () => {
  const { ask } = fakeServer({ answer: call('Paris') });
  const { choices } = await ask(path, { messages, tools });
  const { city, days } = JSON.parse(choices[0].message.tool_calls[0].function.arguments);
  expect(['Bilbao', 'Vigo']).toContain(city);
  expect(days).toBeGreaterThan(0);
});

test.each([
  [{ tools: [{ type: 'function' }] }, 'tools.0.function'],
  [{ tools: [{ type: 'function', function: { name: '' } }] }, 'tools.0.function.name'],
  [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'tool_choice'],
  [{ tools, tool_choice: { type: 'function', function: { name: 'other' } } }, 'tool_choice'],
  [{ tool_choice: 'required' }, 'tool_choice'],
  [{ tools, tool_choice: 'sometimes' }, 'tool_choice'],
  [{ tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: { not: {} } } }] }, 'tools'],
])('%j is refused', async (fields, param) => {
  expect(await fakeServer().refused(path, { messages, ...fields })).toMatchObject({ status: 400, param });
  expect(await fakeServer().refused(path, { messages, stream: true, ...fields })).toMatchObject({ status: 400, param });
});

test('text completions know no tools', async () => {
  expect(await fakeServer().refused('/v1/completions', { prompt: 'a', tools })).toMatchObject({ status: 400 });
});
