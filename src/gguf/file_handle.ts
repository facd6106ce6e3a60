/** A file of the origin's private file system (OPFS), or one that a page's picker gave. */
import { blobSource } from './blob.ts';
import { GgufError } from './errors.ts';
import { type ByteSource, requireRange } from './source.ts';

/** What of a `FileSystemFileHandle` is used; without the DOM's types there is none. */
export interface FileHandle {
  readonly kind: 'file';
  readonly name: string;
  getFile(): Promise<File>;
}

/** What workers have beyond the DOM's types: reads that go straight into the caller's memory. */
interface SyncAccess {
  read(target: Uint8Array, options: { at: number }): number;
  getSize(): number;
  close(): void;
}

interface SyncHandle {
  createSyncAccessHandle(options: { mode: 'read-only' }): Promise<SyncAccess>;
}

/** Between two synchronous reads of so much an abort is seen. */
const LARGEST_READ_BYTES = 8 * 1024 * 1024;

export function isFileHandle(source: unknown): source is FileHandle {
  return typeof FileSystemFileHandle !== 'undefined' && source instanceof FileSystemFileHandle;
}

/** Reads synchronously where that is possible, in a worker and of a private file; elsewhere as of a Blob. */
export async function fileHandleSource(handle: FileHandle): Promise<ByteSource> {
  const access = await syncAccess(handle);
  return access ? syncSource(handle.name, access) : blobSource(await handle.getFile());
}

/** Nothing in a page, for a picked file, and while another holds the file alone: a Blob of it can be read all the same. */
async function syncAccess(handle: FileHandle): Promise<SyncAccess | undefined> {
  if (!('createSyncAccessHandle' in handle)) return undefined;
  return (handle as unknown as SyncHandle).createSyncAccessHandle({ mode: 'read-only' }).catch(() => undefined);
}

function syncSource(name: string, access: SyncAccess): ByteSource {
  const source: ByteSource = {
    name,
    byteLength: access.getSize(),
    async read(offset, target, signal) {
      requireRange(source, offset, target.length);
      for (let done = 0; done < target.length; ) {
        signal?.throwIfAborted();
        const byteCount = access.read(target.subarray(done, done + LARGEST_READ_BYTES), { at: offset + done });
        if (byteCount === 0) throw new GgufError(name, `ends at byte ${offset + done}; it was cut while it was read`);
        done += byteCount;
      }
    },
    close: async () => access.close(),
  };
  return source;
}
