import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blobSiblings, blobSource } from '../../src/gguf/blob.ts';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { ChunkStore } from '../../src/gguf/chunks.ts';
import { openHttp } from '../../src/gguf/http.ts';
import { type ByteSource, readBytes } from '../../src/gguf/source.ts';
import { openFile } from '../../src/runtime/node_file.ts';
import { numberedBytes, sendRange, serve } from './test_server.ts';

/** Larger than one read-ahead and one piece of a Blob. */
const bytes = numberedBytes(9 * 1024 * 1024 + 13);

interface OpenSource extends AsyncDisposable {
  readonly source: ByteSource;
}

/** One conformance suite that every source runs. */
const openers: Record<string, () => Promise<OpenSource>> = {
  bytes: async () => ({ source: bytesSource(bytes, 'x.gguf'), async [Symbol.asyncDispose]() {} }),
  blob: async () => ({ source: blobSource(new File([bytes], 'x.gguf')), async [Symbol.asyncDispose]() {} }),
  chunks: async () => {
    const store = new ChunkStore(1_000_003);
    for (let at = 0; at < bytes.length; at += 777_777) store.append(bytes.subarray(at, at + 777_777));
    return { source: store.asSource('x.gguf'), async [Symbol.asyncDispose]() {} };
  },
  file: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'webgguf-'));
    await writeFile(join(folder, 'x.gguf'), bytes);
    return {
      source: await openFile(join(folder, 'x.gguf')),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  },
  http: async () => {
    const server = await serve((request, response) => sendRange(request, response, bytes));
    return {
      source: await openHttp(`${server.url}/x.gguf`),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

describe.each(Object.entries(openers))('%s', (_, open) => {
  test('gives the bytes of any range', async () => {
    await using opened = await open();
    const { source } = opened;
    expect(source.byteLength).toBe(bytes.length);
    const end = bytes.length;
    for (const [from, to] of [
      [0, 0],
      [0, 5],
      [4_194_300, 4_194_310],
      [end - 3, end],
      [100, end - 100],
      [0, end],
      [end, end],
    ] as const) {
      const read = await readBytes(source, from, to - from);
      expect(Buffer.compare(read, bytes.subarray(from, to)), `${from} to ${to}`).toBe(0);
    }
    await source.close();
  });

  test('refuses what lies beyond the end, by name', async () => {
    await using opened = await open();
    const { source } = opened;
    await expect(source.read(bytes.length - 1, new Uint8Array(2))).rejects.toThrow(
      /x\.gguf: bytes \d+ to \d+ were asked/,
    );
    await source.close();
  });
});

test('a missing file and a folder are told apart', async () => {
  await expect(openFile('/nowhere/x.gguf')).rejects.toThrow('/nowhere/x.gguf: there is no such file');
  await expect(openFile(tmpdir())).rejects.toThrow('is a folder');
});

test('siblings are found among the chosen files', async () => {
  const openSibling = blobSiblings([new File([bytes.subarray(0, 4)], 'b.gguf')]);
  expect((await openSibling('b.gguf')).byteLength).toBe(4);
  await expect(openSibling('c.gguf')).rejects.toThrow('c.gguf: is not among the chosen files');
});
