import { expect, test } from 'vitest';
import { openHttp } from '../../src/gguf/http.ts';
import { hubHeaders, hubUrl } from '../../src/gguf/hub.ts';
import { openGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';
import { openModel } from '../../src/runtime/node_file.ts';
import { numberedBytes, sendRange, serve } from './test_server.ts';

const MiB = 1024 * 1024;
const bytes = numberedBytes(10 * MiB);

test('small reads in order share a request', async () => {
  await using server = await serve((request, response) => sendRange(request, response, bytes));
  const source = await openHttp(`${server.url}/x.gguf`);
  for (let offset = 0; offset < 8 * MiB; offset += MiB / 2) await readBytes(source, offset, MiB / 2);
  expect(server.requests.map((request) => request.headers.range)).toEqual(['bytes=0-4194303', 'bytes=4194304-8388607']);
});

test('a server without Range: a warning, and the whole is fetched once', async () => {
  await using server = await serve((_, response) => response.end(bytes));
  const warnings: string[] = [];
  let done = 0;
  const source = await openHttp(`${server.url}/x.gguf`, {
    onWarning: (text) => warnings.push(text),
    onProgress: (doneBytes) => (done = doneBytes),
  });
  expect(Buffer.compare(await readBytes(source, 5 * MiB, MiB), bytes.subarray(5 * MiB, 6 * MiB))).toBe(0);
  expect(warnings).toEqual([expect.stringContaining('answers no Range requests')]);
  expect(done).toBe(bytes.length);
  expect(server.requests).toHaveLength(1);
});

test('a server without Range, read as needed: a header does not wait for the rest, which is not fetched', async () => {
  let closed = false;
  await using server = await serve((_, response) => {
    response.on('close', () => (closed = true));
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, MiB));
  });
  const source = await openHttp(`${server.url}/x.gguf`, { asNeeded: true });
  expect(source.byteLength).toBe(bytes.length);
  expect(Buffer.compare(await readBytes(source, 1000, 5000), bytes.subarray(1000, 6000))).toBe(0);
  await source.close();
  await expect.poll(() => closed).toBe(true);
});

test('passing faults are tried again, and a broken download goes on where it stopped', async () => {
  let count = 0;
  await using server = await serve((request, response) => {
    count++;
    if (count === 2) return void response.writeHead(503, { 'retry-after': '0' }).end();
    if (count === 3) return void request.socket.destroy();
    if (count > 3 && count < 12) {
      const first = Number(/^bytes=(\d+)/.exec(request.headers.range!)![1]);
      response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
      response.write(bytes.subarray(first, first + 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return;
    }
    sendRange(request, response, bytes);
  });
  const source = await openHttp(`${server.url}/x.gguf`, { retryMs: 1 });
  const read = await readBytes(source, 4 * MiB, 6 * MiB);
  expect(Buffer.compare(read, bytes.subarray(4 * MiB))).toBe(0);
  expect(server.requests.at(-1)!.headers.range).toBe(`bytes=${4 * MiB + 800_000}-${10 * MiB - 1}`);
});

test('a server that falls silent, before its answer or within it, is asked again for the rest', async () => {
  await using server = await serve((request, response) => {
    const count = server.requests.length;
    if (count === 2) return; // no answer
    if (count !== 3) return sendRange(request, response, bytes);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${first}-${last}/${bytes.length}` });
    response.write(bytes.subarray(Number(first), Number(first) + MiB)); // and no more
  });
  const source = await openHttp(`${server.url}/x.gguf`, { retryMs: 1, stallMs: 200 });
  expect(Buffer.compare(await readBytes(source, 0, bytes.length), bytes)).toBe(0);
  expect(server.requests).toHaveLength(4);
});

test('what does not pass is one clear line', async () => {
  const statuses: Record<string, number> = { '/401': 401, '/404': 404, '/500': 500 };
  await using server = await serve((request, response) => response.writeHead(statuses[request.url!]!).end());
  const open = (path: string) => openHttp(server.url + path, { retryMs: 1 });
  await expect(open('/401')).rejects.toThrow(
    '/401: the server answers 401: permission is needed; for a model of the hub',
  );
  await expect(open('/404')).rejects.toThrow('the server answers 404: there is no such file');
  await expect(open('/500')).rejects.toThrow("can't be fetched (the server answers 500), tried 3 times");
});

test.each(['etag', 'length', 'no range', 'gone'])('a file that changes underneath is an error: %s', async (change) => {
  let count = 0;
  await using server = await serve((request, response) => {
    if (count++ === 0) return sendRange(request, response, bytes);
    if (change === 'etag') return sendRange(request, response, bytes, '"2"');
    if (change === 'length') return sendRange(request, response, bytes.subarray(0, 9 * MiB));
    if (change === 'gone') return sendRange(request, response, bytes.subarray(0, 4));
    response.end(bytes);
  });
  const source = await openHttp(`${server.url}/x.gguf`);
  await expect(readBytes(source, 5 * MiB, 10)).rejects.toThrow(
    'the file on the server has changed since it was opened',
  );
});

test('an abort ends an opening and a read', async () => {
  await using server = await serve((request, response) => {
    if (server.requests.length === 1) sendRange(request, response, bytes);
  });
  const source = await openHttp(`${server.url}/x.gguf`);
  const read = source.read(5 * MiB, new Uint8Array(10), AbortSignal.timeout(50));
  await expect(read).rejects.toThrow(/timeout/);
  await expect(openHttp(server.url, { signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/);
});

test('an empty file is a GGUF error, not a network one', async () => {
  await using server = await serve((request, response) => sendRange(request, response, new Uint8Array(0)));
  await expect(openModel(`${server.url}/x.gguf`)).rejects.toThrow('has 0 bytes, too few for a GGUF file');
});

test('hf: names become addresses', () => {
  expect(hubUrl('hf:BSC-LT/ALIA/q8/a b.gguf').href).toBe(
    'https://huggingface.co/BSC-LT/ALIA/resolve/main/q8/a%20b.gguf',
  );
  expect(hubUrl('hf:a/b/c.gguf', 'http://127.0.0.1:80/hub/').href).toBe('http://127.0.0.1/hub/a/b/resolve/main/c.gguf');
  for (const wrong of ['hf:', 'hf:a/b', 'hf:a//c.gguf', 'hf:a/b/../c.gguf']) {
    expect(() => hubUrl(wrong)).toThrow('write hf:OWNER/REPO/FILE.gguf');
  }
});

test('the token goes to the hub and not to the host it redirects to', async () => {
  const file = await encodeGguf([['general.architecture', 'llama']]);
  await using storage = await serve((request, response) => sendRange(request, response, file));
  await using hub = await serve((_, response) => response.writeHead(302, { location: `${storage.url}/signed` }).end());
  const url = hubUrl('hf:a/b/c.gguf', hub.url);
  const source = await openHttp(url, { headers: hubHeaders(url, { endpoint: hub.url, token: 'secret' }) });
  expect((await openGguf(source)).metadata.string('general.architecture')).toBe('llama');
  expect(hub.requests[0]!.url).toBe('/a/b/resolve/main/c.gguf');
  expect(hub.requests[0]!.headers.authorization).toBe('Bearer secret');
  expect(storage.requests[0]!.headers.authorization).toBeUndefined();
  expect(storage.requests[0]!.headers.range).toBe('bytes=0-4194303');
});

test('HF_ENDPOINT and HF_TOKEN reach the hub and its splits, and no other host', async () => {
  const part = (index: number) =>
    encodeGguf([
      ['split.no', { type: 'uint16', value: index }],
      ['split.count', { type: 'uint16', value: 2 }],
      ['split.tensors.count', { type: 'int32', value: 0 }],
    ]);
  const files = [await part(0), await part(1)];
  const answer = (url: string) => files[url.includes('00002-of') ? 1 : 0]!;
  await using hub = await serve((request, response) => sendRange(request, response, answer(request.url!)));
  await using other = await serve((request, response) => sendRange(request, response, answer(request.url!)));
  const before = { ...process.env };
  Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_TOKEN: 'secret' });
  try {
    expect((await openModel('hf:a/b/x-00001-of-00002.gguf')).sources).toHaveLength(2);
    expect((await openModel(`${hub.url}/y/x-00001-of-00002.gguf?download=true`)).sources).toHaveLength(2);
    expect((await openModel(`${other.url}/y/x-00001-of-00002.gguf`)).sources).toHaveLength(2);
  } finally {
    process.env = before;
  }
  expect(hub.requests.map((request) => request.url)).toEqual([
    '/a/b/resolve/main/x-00001-of-00002.gguf',
    '/a/b/resolve/main/x-00002-of-00002.gguf',
    '/y/x-00001-of-00002.gguf?download=true',
    '/y/x-00002-of-00002.gguf?download=true',
  ]);
  for (const request of hub.requests) expect(request.headers.authorization).toBe('Bearer secret');
  for (const request of other.requests) expect(request.headers.authorization).toBeUndefined();
});
