/** `webgguf serve` as users start it, on the built-in model: the clients that they have, and how it ends. */
import { connect } from 'node:net';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embed, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Started, startServer } from './started.ts';

const key = 'a-key-of-the-tests';
const question = 'What is deep learning?';
let server: Started;

beforeAll(async () => {
  server = await startServer('--api-key', key, '--parallel', '2', '--max-body', '64KiB');
});
afterAll(() => server[Symbol.asyncDispose]());

describe('openai', () => {
  const client = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, maxRetries: 0 });

  test('streams what it answers whole', async () => {
    const asked = {
      model: 'BSC-LT/ALIA-40b-instruct-2601-GGUF',
      messages: [{ role: 'user' as const, content: question }],
      max_tokens: 24,
      temperature: 0,
    };
    const whole = await client().chat.completions.create(asked);
    const stream = await client().chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
      expect(chunk.model).toBe(asked.model);
    }
    expect(text).toBe(whole.choices[0]!.message.content);
    expect(text.length).toBeGreaterThan(0);
    expect(usage).toMatchObject({
      prompt_tokens: whole.usage!.prompt_tokens,
      completion_tokens: whole.usage!.completion_tokens,
      prompt_tokens_details: { cached_tokens: whole.usage!.prompt_tokens - 1 },
    });
  });

  test('completions, embeddings, models', async () => {
    const { choices } = await client().completions.create({
      model: 'x',
      prompt: 'Bon dia',
      max_tokens: 4,
      n: 2,
      seed: 1,
    });
    expect(choices.map(({ index }) => index)).toEqual([0, 1]);
    const { data } = await client().embeddings.create({ model: 'x', input: ['Egun on', 'Bos días'] });
    const [first, second] = data.map(({ embedding }) => embedding);
    expect(first!.length).toBe(second!.length);
    expect(Math.hypot(...first!)).toBeCloseTo(1, 5);
    expect(first).not.toEqual(second);
    const models = await client().models.list();
    expect(models.data).toHaveLength(1);
    const { id } = models.data[0]!;
    expect((await client().models.retrieve(id)).id).toBe(id);
  });

  test('answers of a given form', async () => {
    const { choices } = await client().chat.completions.create({
      model: 'x',
      messages: [{ role: 'user', content: question }],
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'city',
          strict: true,
          schema: { type: 'object', properties: { of: { enum: ['France', 'Spain'] } }, required: ['of'] },
        },
      },
    });
    expect(['France', 'Spain']).toContain(JSON.parse(choices[0]!.message.content!).of);
  });

  test('a tool’s round trip', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather in Vigo?' }];
    const parameters = { type: 'object', properties: { city: { enum: ['Vigo', 'Bilbao'] } }, required: ['city'] };
    const asked = {
      model: 'x',
      messages,
      tools: [{ type: 'function' as const, function: { name: 'get_weather', strict: true, parameters } }],
      parallel_tool_calls: false,
    };
    const { choices } = await client().chat.completions.create({ ...asked, tool_choice: 'required' });
    const call = choices[0]!.message.tool_calls![0]! as OpenAI.ChatCompletionMessageFunctionToolCall;
    expect([choices[0]!.finish_reason, call.function.name]).toEqual(['tool_calls', 'get_weather']);
    expect(['Vigo', 'Bilbao']).toContain(JSON.parse(call.function.arguments).city);
    const streamed = client().chat.completions.stream({
      ...asked,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const whole = await streamed.finalChatCompletion();
    expect(JSON.parse((whole.choices[0]!.message.tool_calls![0] as typeof call).function.arguments)).toHaveProperty(
      'city',
    );
    messages.push(choices[0]!.message, { role: 'tool', tool_call_id: call.id, content: '{"sky": "clear"}' });
    const after = await client().chat.completions.create({ ...asked, messages, max_tokens: 12 });
    expect(['stop', 'length', 'tool_calls']).toContain(after.choices[0]!.finish_reason);
  });

  test('errors are its own classes', async () => {
    const refused = client().chat.completions.create({
      model: 'x',
      messages: [{ role: 'user', content: question }],
      response_format: { type: 'json_schema', json_schema: { name: 'odd', schema: { not: { type: 'null' } } } },
    });
    await expect(refused).rejects.toThrow(OpenAI.BadRequestError);
    await expect(refused).rejects.toMatchObject({ param: 'response_format' });
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
  });
});

test('Vercel’s ai', async () => {
  const provider = createOpenAICompatible({
    name: 'webgguf',
    baseURL: `${server.url}/v1`,
    apiKey: key,
    includeUsage: true,
  });
  const asked = { model: provider('pocket'), prompt: question, temperature: 0, maxOutputTokens: 16 };
  const whole = await generateText(asked);
  const streamed = streamText(asked);
  let text = '';
  for await (const part of streamed.textStream) text += part;
  expect(text).toBe(whole.text);
  expect((await streamed.usage).outputTokens).toBe(whole.usage.outputTokens);
  const asTool = tool({
    inputSchema: jsonSchema<{ city: string }>({
      type: 'object',
      properties: { city: { enum: ['Vigo'] } },
      required: ['city'],
    }),
    execute: async ({ city }) => `${city}: clear`,
  });
  const called = await generateText({
    ...asked,
    tools: { weather: asTool },
    stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
    maxOutputTokens: 200,
  });
  const [first, second] = called.steps;
  expect(first!.toolResults.map(({ toolName, output }) => [toolName, output])).toContainEqual([
    'weather',
    'Vigo: clear',
  ]);
  expect([first!.finishReason, second!.toolCalls]).toEqual(['tool-calls', []]);
  expect(second!.text.length).toBeGreaterThan(0); // with the result in its prompt
  const stream = streamText({
    ...asked,
    tools: { weather: asTool },
    toolChoice: { type: 'tool', toolName: 'weather' },
    maxOutputTokens: 200,
  });
  const streamedParts = await Array.fromAsync(stream.fullStream);
  expect(streamedParts.filter(({ type }) => type === 'tool-input-delta').length).toBeGreaterThan(1);
  expect((await stream.toolResults)[0]!.output).toBe('Vigo: clear');
  const { embedding } = await embed({ model: provider.embeddingModel('pocket'), value: question });
  expect(embedding.length).toBeGreaterThan(0);
});

describe('clients that do not behave', () => {
  const post = (body: object, signal?: AbortSignal) =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
      ...(signal && { signal }),
    });
  const long = {
    messages: [{ role: 'user', content: 'Tell me a story.' }],
    stream: true,
    logit_bias: { 2: -100, 5: -100 },
  };

  test('gone in the middle of a stream: the sequence is free at once', async () => {
    const controller = new AbortController();
    const response = await post(long, controller.signal);
    await response.body!.getReader().read();
    expect(await busySlots()).toBe(1);
    controller.abort();
    await expect.poll(busySlots, { timeout: 5000, interval: 20 }).toBe(0);
  });

  test('half of a body, headers that never end, and no HTTP at all', async () => {
    const head = `POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
    await sendRaw(`${head}Content-Length: 1000\r\n\r\n{"prompt": "Hi`);
    expect(await sendRaw(`${head}X-Long: ${'x'.repeat(64 * 1024)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
    expect(await sendRaw('\u0000\u0001\u0002\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await busySlots()).toBe(0);
  });

  test('bodies and prompts that are too long', async () => {
    const messages = (length: number) => [{ role: 'user', content: 'palabra '.repeat(length) }];
    expect((await post({ messages: messages(10_000) })).status).toBe(413);
    const response = await post({ messages: messages(5_000) });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });

  async function busySlots(): Promise<number> {
    const response = await fetch(`${server.url}/slots`, { headers: { Authorization: `Bearer ${key}` } });
    return ((await response.json()) as { is_processing: boolean }[]).filter((slot) => slot.is_processing).length;
  }
});

test('the log has neither the key nor words', () => {
  expect(server.log.length).toBeGreaterThan(10);
  expect(server.log.join('\n')).not.toMatch(new RegExp(`${key}|deep learning|palabra`));
});

test('SIGTERM: a stream that is under way ends by itself, and so does the process, with 0', async () => {
  const asked = { prompt: 'Hola', max_tokens: 40, logit_bias: { 2: -100, 5: -100 } };
  const ask = (more: object) =>
    fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...asked, ...more }),
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
    });
  await (await ask({ stream: false })).text(); // drivers compile what biases take: an answer's end is not waited for without end
  const response = await ask({ stream: true });
  const ended = server.stop('SIGTERM');
  const text = await response.text();
  expect(text).toContain('"finish_reason":"length"');
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect(await ended).toBe(0);
});

/** What comes back for bytes on a socket, until it is closed or nothing comes for a while. */
function sendRaw(bytes: string): Promise<string> {
  const { port, hostname } = new URL(server.url);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(300, () => socket.destroy());
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', () => undefined); // a reset is an answer too
    socket.on('close', () => resolve(text));
  });
}
