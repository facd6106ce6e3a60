import { type ByteSource, requireRange } from './source.ts';

/** Bytes that are already in memory; they are not copied. */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  const source: ByteSource = {
    name,
    byteLength: bytes.length,
    async read(offset, target) {
      requireRange(source, offset, target.length);
      target.set(bytes.subarray(offset, offset + target.length));
    },
    async close() {},
  };
  return source;
}
