import { GgufError } from './errors.ts';
import type { OpenSibling } from './open.ts';
import { type ByteSource, requireRange } from './source.ts';

/** A Blob hands its bytes over in buffers of its own; pieces keep those small beside a tile of weights. */
const LARGEST_READ_BYTES = 8 * 1024 * 1024;

/** A Blob, or a File that a person chose. */
export function blobSource(blob: Blob, name = blob instanceof File ? blob.name : 'blob'): ByteSource {
  const source: ByteSource = {
    name,
    byteLength: blob.size,
    async read(offset, target, signal) {
      requireRange(source, offset, target.length);
      for (let done = 0; done < target.length; ) {
        signal?.throwIfAborted();
        const end = Math.min(offset + target.length, offset + done + LARGEST_READ_BYTES);
        const bytes = await readSlice(blob.slice(offset + done, end), name);
        target.set(bytes, done);
        done += bytes.length;
      }
    },
    async close() {},
  };
  return source;
}

/** Finds the other files of a split among those chosen together. */
export function blobSiblings(files: Iterable<File>): OpenSibling {
  const byName = new Map(Array.from(files, (file) => [file.name, file]));
  return async (fileName) => {
    const file = byName.get(fileName);
    if (!file) throw new GgufError(fileName, 'is not among the chosen files; choose all files of the split');
    return blobSource(file);
  };
}

async function readSlice(slice: Blob, name: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await slice.arrayBuffer());
  } catch (error) {
    throw new GgufError(name, 'can not be read any more; it was changed or moved, choose it again', { cause: error });
  }
}
