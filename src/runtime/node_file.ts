import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GgufError } from '../gguf/errors.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { type HttpOptions, openHttp } from '../gguf/http.ts';
import { type HubOptions, hubHeaders, openHub } from '../gguf/hub.ts';
import { type OpenSibling, openGguf } from '../gguf/open.ts';
import { type ByteSource, requireRange } from '../gguf/source.ts';
import type { ByteSink } from '../gguf/writer.ts';

/** One system call reads at most 2^31 − 4096 bytes on Linux; below that, pieces let an abort through in time. */
const LARGEST_READ_BYTES = 64 * 1024 * 1024;

const openErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read; check its permissions',
  EMFILE: 'too many files are open',
};

/** A file on disk, open until `close`; `read` goes straight into the caller's memory. */
export async function openFile(path: string): Promise<ByteSource> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new GgufError(path, openErrors[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message, {
      cause: error,
    });
  }
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new GgufError(path, stats.isDirectory() ? 'is a folder; name a .gguf file in it' : 'is not a regular file');
  }
  return fileSource(path, file, stats.size);
}

function fileSource(path: string, file: FileHandle, byteLength: number): ByteSource {
  const source: ByteSource = {
    name: path,
    byteLength,
    async read(offset, target, signal) {
      requireRange(source, offset, target.length);
      for (let done = 0; done < target.length; ) {
        signal?.throwIfAborted();
        const length = Math.min(target.length - done, LARGEST_READ_BYTES);
        const { bytesRead } = await file.read(target, done, length, offset + done);
        if (bytesRead === 0) throw new GgufError(path, `ends at byte ${offset + done}; it was cut while it was read`);
        done += bytesRead;
      }
    },
    close: () => file.close(),
  };
  return source;
}

/** A new file that is written from start to end; `finish` closes it. An existing one is replaced. */
export async function createFile(path: string): Promise<FileSink> {
  const file = await open(path, 'w');
  const sink = fileSink(file);
  return {
    ...sink,
    async finish() {
      await sink.finish();
      await file.close();
    },
  };
}

export type FileSink = ByteSink & { finish(): Promise<void> };

/** Writes an open file from start to end; `finish` gives it its length, skipped bytes as holes. */
export function fileSink(file: FileHandle): FileSink {
  let length = 0;
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length; ) {
        done += (await file.write(bytes, done, bytes.length - done, length + done)).bytesWritten;
      }
      length += bytes.length;
    },
    async skip(byteLength) {
      length += byteLength;
    },
    finish: () => file.truncate(length),
  };
}

/** A model's first file, and the way to its siblings. */
export interface ModelSource {
  readonly source: ByteSource;
  readonly openSibling: OpenSibling;
}

/** Opens MODEL as the command line names it: a path, an URL, `hf:OWNER/REPO/FILE.gguf`. */
export async function openModelSource(name: string, options: HttpOptions = {}): Promise<ModelSource> {
  const hub = { ...options, ...hubEnvironment() };
  if (name.startsWith('hf:')) {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    return { source: await openHub(name, hub), openSibling: (fileName) => openHub(folder + fileName, hub) };
  }
  if (/^https?:\/\//i.test(name)) {
    const url = new URL(name);
    const http = { ...options, headers: { ...options.headers, ...hubHeaders(url, hub) } };
    return { source: await openHttp(url, http), openSibling: (fileName) => openHttp(siblingUrl(url, fileName), http) };
  }
  const path = name.startsWith('file://') ? fileURLToPath(name) : name;
  return { source: await openFile(path), openSibling: (fileName) => openFile(join(dirname(path), fileName)) };
}

/** Opens MODEL and reads its header; the caller closes it with `closeGguf`. */
export async function openModel(name: string, options: HttpOptions = {}): Promise<Gguf> {
  const { source, openSibling } = await openModelSource(name, options);
  try {
    return await openGguf(source, openSibling, options.signal);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function hubEnvironment(): Pick<HubOptions, 'endpoint' | 'token'> {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
  return { ...(endpoint && { endpoint }), ...(token && { token }) };
}

/** The query stays: signed addresses and `?download=true` hold for the whole folder. */
function siblingUrl(url: URL, fileName: string): URL {
  const sibling = new URL(url);
  sibling.pathname = sibling.pathname.replace(/[^/]*$/, encodeURIComponent(fileName));
  return sibling;
}
