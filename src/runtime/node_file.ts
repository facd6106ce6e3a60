import { type FileHandle, open } from 'node:fs/promises';
import { GgufError } from '../gguf/errors.ts';
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
export async function createFile(path: string): Promise<ByteSink & { finish(): Promise<void> }> {
  const file = await open(path, 'w');
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
    async finish() {
      await file.truncate(length);
      await file.close();
    },
  };
}
