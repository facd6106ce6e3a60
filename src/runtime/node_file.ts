import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Gguf } from '../gguf/gguf.ts';
import type { HttpOptions } from '../gguf/http.ts';
import type { ByteSource } from '../gguf/source.ts';
import type { ByteSink } from '../gguf/writer.ts';
import { fileSource, notAFile, openError } from './file_source.ts';
import { openModelIn, type Places, type Source } from './model_source.ts';

/** Opens a file on disk; rejects with a `GgufError` that says why it can't. */
export async function openFile(path: string): Promise<ByteSource> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw openError(path, error);
  }
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw notAFile(path, stats.isDirectory());
  }
  return fileSource(path, stats.size, {
    read: async (target, offset) => (await file.read(target, 0, target.length, offset)).bytesRead,
    close: () => file.close(),
  });
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

/** Where Node keeps models. */
export const nodePlaces: Places = {
  hub() {
    const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
    return { ...(endpoint && { endpoint }), ...(token && { token }) };
  },
  openFile: (path) => openFile(path instanceof URL ? fileURLToPath(path) : path),
};

/** Opens MODEL and reads its header; the caller closes it with `closeGguf`. */
export const openModel = (model: Source, options?: HttpOptions): Promise<Gguf> =>
  openModelIn(nodePlaces, model, options);
