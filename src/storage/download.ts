import type { HttpFile } from '../gguf/http_file.ts';
import { BlockWriter } from './block_writer.ts';
import { type BlockTable, blockBytes } from './blocks.ts';

/** As many as browsers open to one host in HTTP/1, less two for others. */
const connectionCount = 4;
/** Of one request: the way to the hub's storage costs two round trips. */
const runBlocks = 64;

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Blocks that are asked for, `[first, end)`. Default: all that are missing. */
  readonly runs?: readonly (readonly [first: number, end: number])[];
  /** Bytes that are there already. */
  readonly done?: number;
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/** Fetches runs of blocks, several at once, and hands each block to `store` when it is whole. */
export async function download(
  file: HttpFile,
  blocks: BlockTable,
  store: (block: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  { signal, runs = blocks.missing(runBlocks), done = 0, onProgress }: DownloadOptions,
): Promise<void> {
  const { byteLength } = file.version;
  const waiting = [...runs];
  const failed = new AbortController();
  const either = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;

  const connection = async () => {
    const writer = new BlockWriter(byteLength, store, either);
    const take = (bytes: Uint8Array) => {
      writer.take(bytes);
      onProgress?.((done += bytes.length));
    };
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      const offset = run[0] * blockBytes;
      writer.restart(run[0]);
      try {
        await file.fetch(offset, Math.min(run[1] * blockBytes, byteLength) - offset, writer.signal, take);
      } finally {
        await writer.end();
      }
    }
  };
  const connections = Array.from({ length: Math.min(connectionCount, runs.length) }, () =>
    connection().catch((error) => failed.abort(error)),
  );
  await Promise.all(connections);
  either.throwIfAborted();
}
