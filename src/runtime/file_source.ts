import { GgufError } from '../gguf/errors.ts';
import { type ByteSource, requireRange } from '../gguf/source.ts';

/** One system call reads at most 2^31 − 4096 bytes on Linux; below that, pieces let an abort through in time. */
const LARGEST_READ_BYTES = 64 * 1024 * 1024;

/** An open file as its home reads it. */
export interface OpenFile {
  /** Reads into `target` from `offset` (bytes) on; how many bytes came, 0 at the file's end. */
  read(target: Uint8Array, offset: number): Promise<number>;
  close(): Promise<void>;
}

/** A file on disk, open until `close`; `read` goes straight into the caller's memory. */
export function fileSource(path: string, byteLength: number, file: OpenFile): ByteSource {
  const source: ByteSource = {
    name: path,
    byteLength,
    async read(offset, target, signal) {
      requireRange(source, offset, target.length);
      for (let done = 0; done < target.length; ) {
        signal?.throwIfAborted();
        const byteCount = await file.read(target.subarray(done, done + LARGEST_READ_BYTES), offset + done);
        if (byteCount === 0) throw new GgufError(path, `ends at byte ${offset + done}; it was cut while it was read`);
        done += byteCount;
      }
    },
    close: () => file.close(),
  };
  return source;
}

export function notAFile(path: string, isFolder: boolean): GgufError {
  return new GgufError(path, isFolder ? 'is a folder; name a .gguf file in it' : 'is not a regular file');
}

/** A system's error code as a person reads it; the error's own message where it has none. */
export function openError(path: string, error: unknown): GgufError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new GgufError(path, openErrors[code] ?? message, { cause: error });
}

const openErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read; check its permissions',
  EMFILE: 'too many files are open',
};
