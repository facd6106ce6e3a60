/** Models that a browser keeps: nothing is fetched twice, nothing wrong is used, two tabs and a full disk do no harm. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { closeGguf } from '../../src/gguf/open.ts';
import { type ByteSource, readBytes } from '../../src/gguf/source.ts';
import { openModelIn } from '../../src/runtime/model_source.ts';
import { blockBytes } from '../../src/storage/blocks.ts';
import { StorageBusyError, StorageFullError } from '../../src/storage/errors.ts';
import { openStored } from '../../src/storage/open.ts';
import type { StoredFile } from '../../src/storage/stored_file.ts';
import { listStored, removeStored } from '../../src/storage/stored_models.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { numberedBytes, sendRange, serve } from '../gguf/test_server.ts';
import { FakeOpfs } from './fake_opfs.ts';

const bytes = numberedBytes(10 * blockBytes + 1000);
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = await serve((request, response) => answer(request, response));
afterAll(() => server[Symbol.asyncDispose]());

let opfs: FakeOpfs;
let warnings: string[];
beforeEach(() => {
  opfs = new FakeOpfs();
  warnings = [];
  server.requests.length = 0;
  answer = (request, response) => sendRange(request, response, bytes);
});

const url = new URL('/x.gguf', server.url);
const options = { name: url.href, retryMs: 1, onWarning: (text: string) => warnings.push(text) };
const open = async (more = {}) => (await openStored(opfs.place(), url, { ...options, ...more })) as StoredFile;
const all = (source: ByteSource) => readBytes(source, 0, source.byteLength);
/** Compared at once: a message of ten million numbers helps nobody. */
const isRight = async (source: ByteSource) => Buffer.compare(await all(source), bytes) === 0;
/** Of the requests since the last call, in bytes. */
function askedBytes(): number {
  const ranges = server.requests.splice(0).map(({ headers }) => /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')!);
  return ranges.reduce((sum, [, first, last]) => sum + Math.min(Number(last), bytes.length - 1) - Number(first) + 1, 0);
}

test('a file is fetched once, and is there without a server', async () => {
  const done: number[] = [];
  const first = await open();
  await first.complete({ onProgress: (doneBytes) => done.push(doneBytes) });
  expect(await isRight(first)).toBe(true);
  expect(done.at(-1)).toBe(bytes.length);
  expect(askedBytes()).toBe(bytes.length);
  await first.close();

  const again = await open();
  await again.complete();
  expect(await isRight(again)).toBe(true);
  expect(server.requests).toEqual([]);
  await again.close();
  expect(await listStored(opfs.place())).toEqual([
    {
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: url.href,
      byteLength: bytes.length,
      storedBytes: bytes.length,
      addedAt: expect.any(Number),
    },
  ]);
  expect(opfs.persistCount).toBe(1);
  expect(warnings).toEqual([]);
});

test('what an abort left is fetched later, and no more', async () => {
  const file = await open();
  expect(askedBytes()).toBe(4 * blockBytes); // the beginning, for a header
  const controller = new AbortController();
  const stop = (doneBytes: number) => doneBytes > 6 * blockBytes && controller.abort(new Error('stopped'));
  await expect(file.complete({ signal: controller.signal, onProgress: stop })).rejects.toThrow('stopped');
  const { storedBytes } = file;
  expect(storedBytes).toBeGreaterThanOrEqual(4 * blockBytes);
  expect(storedBytes).toBeLessThan(bytes.length);
  await file.close();
  server.requests.length = 0;

  const again = await open();
  await again.complete();
  expect(askedBytes()).toBe(bytes.length - storedBytes);
  expect(await isRight(again)).toBe(true);
});

test('connections that break go on where they broke', async () => {
  let faults = 0;
  answer = (request, response) => {
    if (server.requests.length % 2 === 1) return sendRange(request, response, bytes);
    faults++;
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!.map(Number);
    const end = Math.min(last! + 1, bytes.length);
    response.writeHead(206, {
      'content-range': `bytes ${first}-${end - 1}/${bytes.length}`,
      'content-length': end - first!,
    });
    response.write(bytes.subarray(first, first! + 100_000), () => response.destroy());
  };
  const file = await open();
  await file.complete();
  expect(faults).toBeGreaterThan(0);
  expect(await isRight(file)).toBe(true);
});

describe('what is wrong in storage', () => {
  const stored = async () => {
    const file = await open();
    await file.complete();
    await file.close();
    server.requests.length = 0;
  };

  test('a flipped byte is found when it is read, and its block alone fetched again', async () => {
    await stored();
    opfs.file('data').bytes[5 * blockBytes + 17]! ^= 1;
    const file = await open();
    expect(await readBytes(file, 0, 100)).toEqual(bytes.slice(0, 100));
    expect(warnings).toEqual([]);
    expect(await isRight(file)).toBe(true);
    expect(askedBytes()).toBe(blockBytes);
    expect(warnings).toEqual([`${url.href}: a part of the stored copy is damaged, and is fetched again`]);
    expect(Buffer.compare(opfs.file('data').bytes, bytes)).toBe(0);
  });

  test('a file that was cut is made whole', async () => {
    await stored();
    const data = opfs.file('data');
    data.bytes = data.bytes.slice(0, 9 * blockBytes);
    expect(await isRight(await open())).toBe(true);
    expect(askedBytes()).toBe(blockBytes + 1000);
  });

  test('without a server it is said, and nothing wrong is used', async () => {
    await stored();
    opfs.file('data').bytes[3]! ^= 1;
    answer = (_, response) => response.writeHead(404).end();
    await expect(all(await open())).rejects.toThrow(`${url.href}: the server answers 404`);
  });

  test('a server that has another file by now does not repair this one', async () => {
    await stored();
    opfs.file('data').bytes[3]! ^= 1;
    answer = (request, response) => sendRange(request, response, bytes, '"2"');
    await expect(all(await open())).rejects.toThrow('the file on the server has changed; the stored copy is damaged');
    answer = (request, response) =>
      sendRange(
        request,
        response,
        bytes.map((byte) => byte ^ 3),
      );
    await expect(all(await open())).rejects.toThrow('the server sends other bytes than were stored before');
  });

  test('half a record of it is none: it is fetched anew', async () => {
    await stored();
    const about = opfs.file('about.json');
    about.bytes = about.bytes.slice(0, 30);
    const file = await open();
    await file.complete();
    expect(await isRight(file)).toBe(true);
  });
});

test('half of one version and half of another are never one file', async () => {
  await (await open()).close();
  const other = bytes.map((byte) => byte ^ 5);
  answer = (request, response) => sendRange(request, response, other, '"2"');
  const file = await open();
  await expect(file.complete()).rejects.toThrow('the file on the server has changed; what was stored of it is dropped');
  expect(file.storedBytes).toBe(0);
});

describe('a server without Range', () => {
  beforeEach(() => {
    answer = (_, response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  });

  test('its file goes to storage as it comes, and is there the next time', async () => {
    const first = await open();
    await first.complete();
    expect(await isRight(first)).toBe(true);
    await first.close();
    expect(await isRight(await open())).toBe(true);
    expect(server.requests).toHaveLength(1);

    opfs.file('data').bytes[5]! ^= 1;
    expect(await isRight(await open())).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  test('a body that breaks is asked for again', async () => {
    const whole = answer;
    answer = (request, response) => {
      answer = whole;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 3 * blockBytes), () => response.destroy());
      void request;
    };
    expect(await isRight(await open())).toBe(true);
    expect(server.requests).toHaveLength(2);
  });
});

describe('the storage is full', () => {
  test('before anything is fetched', async () => {
    opfs.quota = 5 * blockBytes;
    await expect(open()).rejects.toThrow(StorageFullError);
    await expect(open()).rejects.toThrow(
      'it needs 0.01 GB, and the browser gives 0.01 GB more to this page; make room',
    );
    expect(opfs.usage).toBe(0);
    expect(opfs.persistCount).toBe(0);
  });

  test('while it is fetched: what came stands, nothing half-written is used', async () => {
    const file = await open();
    opfs.quota = 7.5 * blockBytes;
    await expect(file.complete()).rejects.toThrow(StorageFullError);
    const { storedBytes } = file;
    expect(storedBytes).toBeLessThan(8 * blockBytes);
    await file.close();
    opfs.quota = Number.POSITIVE_INFINITY;
    server.requests.length = 0;
    const again = await open();
    await again.complete();
    expect(askedBytes()).toBe(bytes.length - storedBytes);
    expect(await isRight(again)).toBe(true);
  });
});

describe('two tabs', () => {
  test('one fetches, the other waits, says so, and fetches nothing', async () => {
    const [first, second] = await Promise.all([open(), open()]);
    await Promise.all([first.complete(), second.complete()]);
    expect(askedBytes()).toBe(bytes.length);
    expect(await isRight(first)).toBe(true);
    expect(await isRight(second)).toBe(true);
    expect(new Set(warnings)).toEqual(new Set([`${url.href}: another tab is fetching it; this one waits`]));
  });

  test('the one that waits goes on where the other stopped, or stops waiting', async () => {
    const [first, second, third] = await Promise.all([open(), open(), open()]);
    const [stopping, leaving] = [new AbortController(), new AbortController()];
    const stop = (doneBytes: number) => doneBytes > 6 * blockBytes && stopping.abort(new Error('stopped'));
    const completing = first.complete({ signal: stopping.signal, onProgress: stop });
    const waiting = second.complete();
    const left = third.complete({ signal: leaving.signal });
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await expect(completing).rejects.toThrow('stopped');
    await waiting;
    expect(await isRight(second)).toBe(true);
  });

  test('what is in use is not deleted', async () => {
    const file = await open();
    const [model] = await listStored(opfs.place());
    await expect(removeStored(opfs.place(), model!.key)).rejects.toThrow(StorageBusyError);
    await file.close();
    await removeStored(opfs.place(), model!.key);
    expect(await listStored(opfs.place())).toEqual([]);
    expect(opfs.usage).toBe(0);
  });

  test('where a browser gives a file to one at a time, the other is told', async () => {
    opfs.knowsModes = false;
    const file = await open();
    await expect(open()).rejects.toThrow(/is open in another tab/);
    await file.close();
    await (await open()).close();
    expect([...opfs.files()].every(({ openCount }) => openCount === 0)).toBe(true);
  });
});

describe('the hub', () => {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const pointer = (oid: string) =>
    `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes.length}\n`;
  const places = () => ({ hub: () => ({ endpoint: server.url }), storage: () => opfs.place() });
  const hubFile = new URL('/a/b/resolve/main/x.gguf', server.url);
  const openHubFile = async () =>
    (await openStored(opfs.place(), hubFile, {
      ...options,
      name: 'hf:a/b/x.gguf',
      endpoint: server.url,
    })) as StoredFile;
  const hub = (oid: string) => (request: IncomingMessage, response: ServerResponse) =>
    request.url === '/a/b/raw/main/x.gguf' ? response.end(pointer(oid)) : sendRange(request, response, bytes);

  test('a file is held to the hash that the hub tells, once', async () => {
    answer = hub(sha256);
    const file = await openHubFile();
    await file.complete();
    await file.close();
    answer = (_, response) => response.writeHead(500).end();
    const again = await openHubFile();
    await again.complete();
    expect(await isRight(again)).toBe(true);
  });

  test('what is not the hub’s is dropped, and said', async () => {
    answer = hub('0'.repeat(64));
    const file = await openHubFile();
    await expect(file.complete()).rejects.toThrow(`its SHA-256 is ${sha256}, and the hub says 000000`);
    expect(file.storedBytes).toBe(0);
  });

  test('models by name, with their header first, from storage without a network', async () => {
    const model = await randomGgufBytes(fixtures.oneBlock);
    const name = 'hf:a/b/x.gguf';
    answer = (request, response) =>
      request.url!.includes('/raw/') ? response.writeHead(404).end() : sendRange(request, response, model);
    await closeGguf(await openModelIn(places(), name, { store: 'known' }));
    expect(await listStored(opfs.place())).toEqual([]);

    const progress: [number, number | undefined][] = [];
    const onProgress = (...all: [number, number | undefined]) => progress.push(all);
    await closeGguf(await openModelIn(places(), name, { store: true, onProgress }));
    expect((await listStored(opfs.place())).map((stored) => [stored.name, stored.storedBytes])).toEqual([
      [name, model.length],
    ]);
    answer = (_, response) => response.destroy();
    for (const store of ['known', true] as const) {
      const gguf = await openModelIn(places(), name, { store, retryMs: 1 });
      expect(gguf.metadata.string('general.architecture')).toBe('llama');
      await closeGguf(gguf);
    }
  });
});
