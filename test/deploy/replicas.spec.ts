/** Three servers behind nginx, one of them killed under load: only what it was at fails, and the metrics tell. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pocket, type Started, startServer } from '../server/started.ts';
import { fromDebian } from './programs.ts';

const clients = 64;
const requestsEach = 4;
const folder = mkdtempSync(join(tmpdir(), 'webgguf-replicas-'));
let replicas: Started[] = [];
let nginx: ChildProcess;
let url = '';

beforeAll(async () => {
  const program = fromDebian('nginx', 'usr/sbin/nginx');
  const options = ['-m', pocket, '--parallel', '4', '--context', '4096', '--no-log'];
  for (let i = 0; i < 3; i++) replicas.push(await startServer(...options));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  cpSync(join(import.meta.dirname, '../../deploy/nginx/nginx.conf'), join(folder, 'nginx.conf'));
  writeFileSync(join(folder, 'listen.conf'), `listen 127.0.0.1:${port};\n`);
  const servers = replicas.map((each) => `server ${each.url.slice(7)} max_fails=1 fail_timeout=5s;\n`);
  writeFileSync(join(folder, 'upstream.conf'), servers.join(''));
  const args = ['-p', folder, '-c', 'nginx.conf', '-g', 'daemon off; worker_shutdown_timeout 1s;'];
  nginx = spawn(program, args, { stdio: 'ignore' });
  while (!(await fetch(`${url}/health`).catch(() => undefined))?.ok) await setTimeout(100);
});

afterAll(async () => {
  nginx.kill('SIGTERM');
  await Promise.all(replicas.map((each) => each.stop('SIGKILL')));
  rmSync(folder, { recursive: true });
});

test('one of three is killed under 64 clients', async () => {
  const [first, second, third] = replicas as [Started, Started, Started];
  let done = 0;
  let inFlightOfKilled = 0;
  const outcomes = { whole: 0, brokenOff: 0, refused: 0 };
  const ask = async (client: number, i: number) => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        messages: [
          { role: 'user', content: `What is the capital of ${['France', 'Spain', 'Italy'][(client + i) % 3]}?` },
        ],
        stream: i % 2 === 0,
        max_tokens: 32,
        seed: client,
      }),
    }).catch(() => undefined);
    if (!response?.ok) outcomes.refused++;
    else {
      const text = await response.text().catch(() => '');
      const isWhole = i % 2 === 0 ? text.endsWith('data: [DONE]\n\n') : text.includes('"finish_reason"');
      outcomes[isWhole ? 'whole' : 'brokenOff']++;
    }
    done++;
  };
  const run = Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; i < requestsEach; i++) await ask(client, i);
    }),
  );
  while (done < clients) await setTimeout(10);
  inFlightOfKilled =
    (await metric(second, 'webgguf_sequences_busy')) + (await metric(second, 'webgguf_requests_waiting'));
  await second.stop('SIGKILL');
  await run;

  console.log(`${JSON.stringify(outcomes)}; the killed one had ${inFlightOfKilled} requests under way or waiting`);
  expect(outcomes.whole + outcomes.brokenOff + outcomes.refused).toBe(clients * requestsEach);
  expect(outcomes.refused).toBe(0); // what had not begun was asked of another
  expect(outcomes.brokenOff).toBeLessThanOrEqual(inFlightOfKilled + 4);
  const after = await Promise.all(
    [first, third].map((each) => metric(each, 'webgguf_requests_total{route="/v1/chat/completions",status="200"}')),
  );
  expect(after[0]! + after[1]!).toBeGreaterThan((clients * requestsEach) / 2);
  expect(Math.min(...after)).toBeGreaterThan(clients / 2); // the fewest under way: neither had little to do
  expect(await metric(first, 'webgguf_requests_waiting')).toBe(0);
  expect((await fetch(`${url}/health`)).status).toBe(200);

  replicas = [first, third];
  const more = await Promise.all(
    Array.from({ length: 8 }, (_, i) => fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(10_000 + i) })),
  );
  expect(more.map(({ status }) => status)).toEqual(Array(8).fill(200));
});

async function metric({ url: of }: Started, name: string): Promise<number> {
  const text = await (await fetch(`${of}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
