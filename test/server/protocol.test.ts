/** What holds for every request: keys, limits, the queue, clients that go, the end. */
import { describe, expect, test } from 'vitest';
import { createApp, Service } from '../../src/server/index.ts';
import { events, fakeServer } from './client.ts';

const chat = '/v1/chat/completions';
const messages = [{ role: 'user', content: 'Hi' }];

describe('errors in OpenAI’s shape', () => {
  const shape = { message: expect.any(String), type: expect.any(String) };

  test.each([
    [404, '/v2/nothing', {}, {}],
    [405, '/health', {}, {}],
    [415, chat, { messages }, { headers: { 'Content-Type': 'text/plain' } }],
    [400, chat, '{"messages": [', {}],
    [400, chat, '[]', {}],
    [400, chat, 'null', {}],
    [400, chat, '', {}],
    [413, chat, { messages: [{ role: 'user', content: 'x'.repeat(2000) }] }, {}],
  ])('%i: %s', async (status, path, body, init) => {
    const { refused } = fakeServer({ maxBodyBytes: 1000 });
    expect(await refused(path, body, init)).toMatchObject({ status, ...shape });
  });

  test('a body whose length nobody states, beyond the limit', async () => {
    const { app } = fakeServer({ maxBodyBytes: 1000 });
    const part = new TextEncoder().encode(' '.repeat(400));
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += part.length;
        controller.enqueue(part);
      },
    });
    const headers = { 'Content-Type': 'application/json' };
    const response = await app.request(chat, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(4000);
  });

  test('a body that breaks off, and one that is no text', async () => {
    const { app } = fakeServer();
    const send = (body: BodyInit) =>
      app.request(chat, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json' },
        duplex: 'half',
      } as RequestInit);
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"mess'));
        controller.error(new Error('reset'));
      },
    });
    expect((await send(broken)).status).toBe(400);
    const response = await send(Uint8Array.of(0x22, 0xff, 0x22));
    expect(await response.json()).toMatchObject({ error: { message: 'the body is not UTF-8' } });
  });

  test('a method that is not taken says which is', async () => {
    const response = await fakeServer().get(chat);
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST']);
  });

  test('our own faults tell nothing but the request’s id', async () => {
    const { service, post, llm } = fakeServer();
    service.ready({
      ...llm,
      chatTokens: () => {
        throw new Error('secret path');
      },
    });
    const response = await post(chat, { messages }, { headers: { 'X-Request-Id': 'abc-1' } });
    expect(response.headers.get('X-Request-Id')).toBe('abc-1');
    const text = await response.text();
    expect([response.status, text.includes('secret')]).toEqual([500, false]);
  });

  test('and in the middle of a stream', async () => {
    let left = 3;
    const { post } = fakeServer({
      async beforeToken() {
        if (left-- === 0) throw new Error('secret path');
      },
    });
    const all = await events(await post(chat, { messages, stream: true }));
    expect(all.at(-1)).toMatchObject({ error: { type: 'server_error' } });
    expect(JSON.stringify(all)).not.toContain('secret');
  });
});

describe('keys', () => {
  const { app, service } = fakeServer({ apiKeys: ['first', 'second'] });
  const ask = (path: string, key?: string) =>
    app.request(path, key === undefined ? {} : { headers: { Authorization: key } });

  test('any of them, and no other', async () => {
    for (const key of ['Bearer first', 'bearer second']) expect((await ask('/v1/models', key)).status).toBe(200);
    for (const key of [undefined, '', 'first', 'Bearer', 'Bearer ', 'Bearer firs', 'Bearer first1', 'Basic first']) {
      expect((await ask('/v1/models', key)).status).toBe(401);
    }
  });

  test('without one nothing is learnt, but for /health', async () => {
    const paths = ['/v1/models', '/nothing', '/openapi.json', '/metrics', '/props', '/slots', '/tokenizer_info', chat];
    const answers = await Promise.all(paths.map(async (path) => (await ask(path)).text()));
    expect(new Set(answers).size).toBe(1);
    expect((await ask('/health')).status).toBe(200);
    expect((await app.request(chat, { method: 'POST', body: 'x'.repeat(2 ** 20) })).status).toBe(401);
  });

  test('a request with one of them is answered as without keys', async () => {
    const response = await app.request(chat, {
      method: 'POST',
      body: JSON.stringify({ messages }),
      headers: { Authorization: 'Bearer first', 'Content-Type': 'application/json' },
    });
    expect(response.status).toBe(200);
    expect(JSON.stringify(await service.metrics.text())).not.toContain('first"');
  });
});

test('neither keys nor prompts stand in the log, unless asked for', async () => {
  const written = async (logPrompts: boolean) => {
    const lines: unknown[] = [];
    const write = (...line: unknown[]) => void lines.push(line);
    const { post } = fakeServer({ logPrompts, apiKeys: ['key-1'], log: { info: write, warn: write, error: write } });
    const headers = { Authorization: 'Bearer key-1' };
    await post(chat, { messages: [{ role: 'user', content: 'my words' }] }, { headers });
    await post(chat, { messages }, { headers: { Authorization: 'Bearer key-2' } });
    return JSON.stringify(lines);
  };
  const silent = await written(false);
  expect(silent).toContain('completion_tokens');
  expect(silent).not.toMatch(/my words|key-/);
  expect(await written(true)).toMatch(/my words/);
});

test('pages of other origins are told nothing, unless asked for', async () => {
  const preflight = (options: object) =>
    fakeServer({ apiKeys: ['k'], ...options }).get(chat, {
      method: 'OPTIONS',
      headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' },
    });
  expect((await preflight({})).headers.get('Access-Control-Allow-Origin')).toBe(null);
  const allowed = await preflight({ corsOrigins: ['https://a.example'] });
  expect([allowed.status, allowed.headers.get('Access-Control-Allow-Origin')]).toEqual([204, 'https://a.example']);
  expect((await preflight({ corsOrigins: ['https://b.example'] })).headers.get('Access-Control-Allow-Origin')).toBe(
    null,
  );
});

describe('the queue', () => {
  test('beyond its bound requests are sent away, and told when to come back', async () => {
    const gate = Promise.withResolvers<void>();
    const { post, get } = fakeServer({ sequences: 1, queueLength: 2, beforeToken: () => gate.promise });
    const waiting = [1, 2, 3].map(() => post(chat, { messages }));
    await turns();
    const refused = await post(chat, { messages });
    expect([refused.status, Number(refused.headers.get('Retry-After')) >= 1]).toEqual([503, true]);
    expect(await (await get('/metrics')).text()).toMatch(
      /webgguf_requests_waiting 2\nwebgguf|webgguf_requests_waiting 2\n/,
    );
    gate.resolve();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('a request with many prompts does not keep out the others', async () => {
    const order: string[] = [];
    const { ask } = fakeServer({ sequences: 1, answer: 'xy', beforeToken: () => turns(1) });
    const many = ask('/v1/completions', { prompt: Array(30).fill('x') }).then(() => order.push('many'));
    await turns();
    const few = ask(chat, { messages }).then(() => order.push('few'));
    await Promise.all([many, few]);
    expect(order).toEqual(['few', 'many']);
  });

  test('a request that gives up while it waits leaves', async () => {
    const gate = Promise.withResolvers<void>();
    const { app, service, llm } = fakeServer({ sequences: 1, beforeToken: () => gate.promise });
    const first = send(app, { messages });
    await turns();
    const controller = new AbortController();
    const second = send(app, { messages }, controller.signal);
    await turns();
    expect(service.queue.waiting).toBe(1);
    controller.abort();
    await turns();
    expect(service.queue.waiting).toBe(0);
    gate.resolve();
    expect((await first).status).toBe(200);
    await second;
    expect(llm.seen.options).toHaveLength(1);
  });
});

describe('a client that goes away', () => {
  test('in the middle of a stream: its sequence is free with the next token', async () => {
    let tokens = 0;
    const { app, llm, service } = fakeServer({
      answer: 'x'.repeat(400),
      beforeToken: async () => {
        tokens++;
        await turns(1);
      },
    });
    const response = await send(app, { messages, stream: true, n: 2 });
    const reader = response.body!.getReader();
    for (let i = 0; i < 6; i++) await reader.read();
    await reader.cancel();
    await turns();
    const then = tokens;
    await turns(20);
    expect(tokens).toBe(then);
    expect([llm.seen.running, service.queue.busy]).toEqual([0, 0]);
  });

  test('while it waits for a whole answer', async () => {
    const { app, llm, service } = fakeServer({ answer: 'x'.repeat(400), beforeToken: () => turns(1) });
    const controller = new AbortController();
    const coming = send(app, { messages }, controller.signal);
    await turns(5);
    expect(llm.seen.running).toBe(1);
    controller.abort();
    await coming;
    expect([llm.seen.running, llm.seen.aborted, service.queue.busy]).toEqual([0, 1, 0]);
  });
});

test('comments keep a stream alive while nothing comes', async () => {
  const gate = Promise.withResolvers<void>();
  const { post } = fakeServer({ keepAliveSeconds: 0.01, beforeToken: () => gate.promise });
  const response = await post('/v1/completions', { prompt: 'x', stream: true });
  setTimeout(gate.resolve, 300);
  const text = await response.text();
  expect(text.match(/^: .+\n\n/gm)!.length).toBeGreaterThan(2);
  expect(text).toContain('[DONE]');
});

describe('the end', () => {
  test('what is under way ends; nothing new is taken up', async () => {
    const gate = Promise.withResolvers<void>();
    const { post, service, get } = fakeServer({ beforeToken: () => gate.promise });
    const under = post(chat, { messages });
    await turns();
    const closed = service.close(60);
    expect((await post(chat, { messages })).status).toBe(503);
    expect((await get('/health')).status).toBe(503);
    gate.resolve();
    expect((await under).status).toBe(200);
    await closed;
  });

  test('after the grace, what is not done ends with a word', async () => {
    const { post, service } = fakeServer({ answer: 'x'.repeat(400), beforeToken: () => turns(5) });
    const streamed = post(chat, { messages, stream: true }).then(events);
    const whole = post(chat, { messages });
    await turns(20);
    await service.close(0.01);
    expect((await streamed).at(-1)).toMatchObject({ error: { code: 'server_stopping' } });
    expect((await whole).status).toBe(503);
  });
});

test('while the model is loaded: 503, how far it is, when to come back', async () => {
  const service = new Service();
  const app = createApp(service);
  service.progress = 0.421;
  const health = await app.request('/health');
  expect(await health.json()).toEqual({ status: 'loading', progress: 0.42 });
  expect(health.status).toBe(503);
  const early = await send(app, { messages });
  expect([early.status, early.headers.has('Retry-After')]).toEqual([503, true]);
  expect((await app.request('/metrics')).status).toBe(200);
});

function send(app: ReturnType<typeof createApp>, body: object, signal?: AbortSignal): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' };
  const init = { method: 'POST', body: JSON.stringify(body), headers, ...(signal && { signal }) };
  return Promise.resolve(app.request(new Request(`http://localhost${chat}`, init)));
}

/** Lets everything else have so many turns of the event loop. */
async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve));
}

test('a reader that goes while tokens wait for it: its slot is free', async () => {
  const { post, service, llm } = fakeServer({ answer: 'a'.repeat(300) });
  const response = await post('/v1/completions', { prompt: 'x', stream: true, max_tokens: 300 });
  const reader = response.body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 20)); // tokens have come, and nobody has taken them
  await reader.cancel();
  await expect.poll(() => [service.queue.busy, llm.seen.running]).toEqual([0, 0]);
});

test('a reader that stays, and takes nothing for long: its slot is free, and what it reads then breaks off', async () => {
  const { post, service, llm } = fakeServer({ answer: 'a'.repeat(300), patienceSeconds: 0.05 });
  const response = await post('/v1/completions', { prompt: 'x', stream: true, max_tokens: 300 });
  await expect.poll(() => [service.queue.busy, llm.seen.running]).toEqual([0, 0]);
  await expect(response.text()).rejects.toThrow('takes nothing');
});
