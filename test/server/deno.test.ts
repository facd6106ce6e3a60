/** The same app under Deno's own server and WebGPU: the example, as it stands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { lavapipe } from '../../vitest.config.ts';
import { pocket, startServer } from './started.ts';

const root = join(import.meta.dirname, '../..');
const flags = ['-A', '--unstable-webgpu', '--conditions=webgguf-source', '--host', '127.0.0.1', '--port', '0'];

test('answers as in Node; a client that goes away is dropped', async () => {
  const command = ['serve', ...flags, join(root, 'examples/server_deno.ts'), pocket];
  const deno = spawn(join(root, 'node_modules/.bin/deno'), command, {
    env: { ...process.env, ...lavapipe },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const url = await listening(deno.stderr);
    expect([200, 503]).toContain((await fetch(`${url}/health`)).status);
    await expect.poll(async () => (await fetch(`${url}/health`)).status, { timeout: 60_000 }).toBe(200);
    await using node = await startServer('--no-log');
    const asked = { messages: [{ role: 'user', content: 'Bon dia!' }], temperature: 0, max_tokens: 16 };
    const [here, there] = await Promise.all([ask(url, asked), ask(node.url, asked)]);
    expect(here.choices[0]!.message.content).toBe(there.choices[0]!.message.content);

    const controller = new AbortController();
    const endless = { ...asked, max_tokens: 1500, stream: true, logit_bias: { 2: -100, 5: -100 } };
    const response = await post(url, endless, controller.signal);
    await response.body!.getReader().read();
    controller.abort();
    const busy = async () => {
      const slots = (await (await fetch(`${url}/slots`)).json()) as { is_processing: boolean }[];
      return slots.filter((slot) => slot.is_processing).length;
    };
    await expect.poll(busy, { timeout: 5000, interval: 20 }).toBe(0);
  } finally {
    deno.kill('SIGKILL');
    await once(deno, 'exit');
  }
});

/** The address that `deno serve` tells of; rejects with all it wrote where it ends before. */
async function listening(stderr: NodeJS.ReadableStream): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface(stderr)) {
    lines.push(line);
    const [, url] = /Listening on (http:\S+?)\/?$/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error(lines.join('\n'));
}

function post(url: string, body: object, signal?: AbortSignal): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' };
  const init = { method: 'POST', body: JSON.stringify(body), headers, ...(signal && { signal }) };
  return fetch(`${url}/v1/chat/completions`, init);
}

async function ask(url: string, body: object) {
  return (await (await post(url, body)).json()) as { choices: { message: { content: string } }[] };
}
