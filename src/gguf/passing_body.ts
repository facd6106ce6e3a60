import { ChunkStore } from './chunks.ts';
import type { WholeBody } from './http_file.ts';
import { type ByteSource, requireRange } from './source.ts';

/** A body that passes by, read no further than it is asked for, as a header is; closing it ends the transfer. */
export function passingBody(body: WholeBody, byteLength: number): ByteSource {
  const closed = new AbortController();
  let store = new ChunkStore();
  let more = Promise.withResolvers<void>();
  const restart = () => {
    store = new ChunkStore();
  };
  const take = (bytes: Uint8Array) => {
    store.append(bytes);
    more.resolve();
    more = Promise.withResolvers();
  };
  const ended: Promise<never> = body.read(restart, take, closed.signal).then(() => new Promise(() => {}));
  ended.catch(() => undefined); // whoever waits hears of it
  const source: ByteSource = {
    name: body.name,
    byteLength,
    async read(offset, target, signal) {
      requireRange(source, offset, target.length);
      while (store.byteLength < offset + target.length) {
        await Promise.race([more.promise, ended]);
        signal?.throwIfAborted();
      }
      store.read(offset, target);
    },
    async close() {
      closed.abort();
      restart();
    },
  };
  return source;
}
