/** What comes from PyPI and is no evaluation: the card's example, tools, and ten thousand requests out of /openapi.json. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { expect, test } from 'vitest';
import type { SlotStore } from '../../../src/server/index.ts';
import { fakeServer } from '../client.ts';
import { startServer } from '../started.ts';
import { runPython } from './python.ts';

test('openai: the card’s example streams an answer', async () => {
  await using server = await startServer('--api-key', 'hf_token', '--no-log');
  const environment = { YOUR_ENDPOINT_URL: `${server.url}/v1`, HF_TOKEN: 'hf_token' };
  const said = await runPython('python3', [join(import.meta.dirname, 'card_example.py')], environment);
  expect(said.trim().length).toBeGreaterThan(0);
});

test('openai: a tool’s round trip, whole and streamed, and a typed answer', async () => {
  await using server = await startServer('--no-log');
  const example = join(import.meta.dirname, 'tools_example.py');
  const said = JSON.parse(await runPython('python3', [example], { ENDPOINT: `${server.url}/v1` }));
  expect(said).toEqual({
    finish: ['tool_calls', 'tool_calls', 'stop'],
    city: expect.stringMatching(/^(Vigo|Bilbao)$/),
    pieces: expect.any(Number),
    answer: { city: expect.stringMatching(/^(Vigo|Bilbao)$/), is_sunny: expect.any(Boolean) },
    refused: 'tool_choice',
  });
  expect(said.pieces).toBeGreaterThan(3);
});

const noFiles: SlotStore = {
  async save(_, fill) {
    await fill(async () => undefined);
    return 0;
  },
  open: async () => undefined,
};

/** Per endpoint; what is checked on the way is over ten thousand requests. */
const examples = 1500;

test('schemathesis: what the document allows is answered, and what it does not is refused as it says', async () => {
  const { app, ask, service, llm } = fakeServer({ sequences: 4, slotStore: noFiles });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const told = await runPython('schemathesis', [
      // one worker: threads of CPython up to 3.11.7 share a counter of ast's (python/cpython#106905)
      ...['run', `${url}/openapi.json`, '--seed', '1', '--workers', '1', '--continue-on-failure'],
      ...['--phases', 'coverage,fuzzing', '--max-examples', String(examples)],
      // no schema can say which ids the vocabulary has, or that top_logprobs needs logprobs
      ...['--exclude-checks', 'positive_data_acceptance'],
    ]);
    const [, generated, passed] = /Test cases:\s+(\d+) generated, (\d+) passed/.exec(told) ?? [];
    expect(Number(generated), told.slice(-2000)).toBeGreaterThan(10_000);
    expect(passed).toBe(generated);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect([service.queue.busy, service.queue.waiting, llm.seen.running]).toEqual([0, 0, 0]);
  await ask('/v1/completions', { prompt: 'still here?' });
});
