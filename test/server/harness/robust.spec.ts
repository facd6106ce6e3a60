/** What clients and machines do to a server: it is killed, they vanish by the hundred, and nothing of it is left. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Started, startServer } from '../started.ts';

/** A prompt of over a thousand tokens. */
const beginning = 'Ana lives in a small house by the river, and every day she walks to the market. '.repeat(60);
/** Answers are as long as they may be. */
const neverEnds = { 2: -100, 5: -100 };
const rounds = 200;
/** Of a process that has reached its size: allocators keep some. */
const leastGrowth = 64 * 2 ** 20;

async function ask(server: Started, path: string, body: object, signal?: AbortSignal) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(server.url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
    ...(signal && { signal }),
  });
  return response;
}

interface Answer {
  readonly choices: readonly { readonly text: string }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
  readonly timings: { readonly prompt_n: number };
}

const complete = async (server: Started, prompt: string): Promise<Answer> => {
  const response = await ask(server, '/v1/completions', {
    prompt,
    max_tokens: 8,
    temperature: 0,
    logit_bias: neverEnds,
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
};

test('a beginning of a thousand tokens is computed once, for eight clients that come together', async () => {
  await using server = await startServer('--no-log', '--parallel', '8', '--context', '16384');
  const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((i) => complete(server, `${beginning} ${i}`)));
  const length = answers[0]!.usage.prompt_tokens;
  expect(length).toBeGreaterThan(1000);
  const computed = answers.reduce((sum, { timings }) => sum + timings.prompt_n, 0);
  expect(computed).toBeLessThan(length + 8 * 8);
});

test('kill -9 in mid-answer, and again: what was saved is there, and the answer is the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-slots-'));
  const start = () => startServer('--no-log', '--parallel', '1', '--slot-save-path', folder);
  try {
    let text: string;
    let port: string;
    {
      await using server = await start();
      ({ port } = new URL(server.url));
      text = (await complete(server, beginning)).choices[0]!.text;
      const saved = await ask(server, '/slots/0?action=save', { filename: 'ana' });
      expect(saved.status).toBe(200);
      const stream = await ask(server, '/v1/completions', { prompt: 'Hola', stream: true, logit_bias: neverEnds });
      await stream.body!.getReader().read();
      await server.stop('SIGKILL');
    }
    await using server = await startServer('--no-log', '--parallel', '1', '--slot-save-path', folder, '--port', port);
    expect((await ask(server, '/slots/0?action=restore', { filename: 'ana' })).status).toBe(200);
    const again = await complete(server, beginning);
    expect(again.choices[0]!.text).toBe(text);
    expect(again.usage.prompt_tokens_details.cached_tokens).toBe(again.usage.prompt_tokens - 1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test(`${rounds} clients that vanish, ${rounds} halves of bodies, ${rounds} prompts that are too long: no leak`, async () => {
  await using server = await startServer('--no-log', '--parallel', '4');
  const vanish = async () => {
    const controller = new AbortController();
    const body = { prompt: 'Hola', stream: true, logit_bias: neverEnds, max_tokens: 200 };
    const response = await ask(server, '/v1/completions', body, controller.signal);
    await response.body!.getReader().read();
    controller.abort();
  };
  const half = () =>
    new Promise<void>((resolve) => {
      const { port, hostname } = new URL(server.url);
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"p',
        );
        setTimeout(() => socket.destroy(), 5);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  const long = async () => {
    const response = await ask(server, '/v1/completions', { prompt: beginning.repeat(4) });
    expect(response.status).toBe(400);
    await response.text();
  };
  const round = async (count: number) => {
    for (let i = 0; i < count; i += 4) await Promise.all([0, 1, 2, 3].flatMap(() => [vanish(), half(), long()]));
    await expect.poll(() => busy(server), { timeout: 20_000 }).toBe(0);
  };
  await round(2 * rounds); // heap and allocators have grown to their size
  const before = await gauges(server);
  await round(rounds);
  const after = await gauges(server);
  console.log(`${Math.round((after.rss! - before.rss!) / 2 ** 20)} MiB more after ${rounds} rounds`);
  expect(after.webgguf_requests_waiting).toBe(0);
  expect(after.process_open_fds! - before.process_open_fds!).toBeLessThan(10);
  expect(after.rss! - before.rss!).toBeLessThan(leastGrowth);
  await complete(server, 'still here?');
});

async function busy(server: Started): Promise<number> {
  const slots = (await (await fetch(`${server.url}/slots`)).json()) as { is_processing: boolean }[];
  return slots.filter((slot) => slot.is_processing).length;
}

/** Numbers of /metrics, and what Linux says of the process. */
async function gauges(server: Started): Promise<Record<string, number>> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const values = [...text.matchAll(/^(\w+) ([\d.e+-]+)$/gm)].map(([, name, value]) => [name!, Number(value)]);
  const [, pages] = (await readFile(`/proc/${server.pid}/statm`, 'utf8')).split(' ');
  const fds = await readdir(`/proc/${server.pid}/fd`);
  return { ...Object.fromEntries(values), rss: Number(pages) * 4096, process_open_fds: fds.length };
}
