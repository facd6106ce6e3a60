import { GgufError } from './errors.ts';

/**
 * Where bytes come from: a file, a Blob, an URL, memory. Nothing here builds one buffer of a whole source;
 * offsets beyond 2^32 are normal, beyond 2^53 refused by the parser.
 */
export interface ByteSource {
  /** What people call it: a path, an URL, a file's name. Stands in error messages. */
  readonly name: string;
  /** All of it, in bytes. */
  readonly byteLength: number;
  /** Fills `target` with the bytes from `offset` on (bytes); rejects where the source ends earlier. */
  read(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Gives back what it holds open; nothing is read afterwards. */
  close(): Promise<void>;
}

/** The bytes [offset, offset + byteLength) of a source, in memory of their own. */
export async function readBytes(
  source: ByteSource,
  offset: number,
  byteLength: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  requireRange(source, offset, byteLength);
  const bytes = new Uint8Array(byteLength);
  await source.read(offset, bytes, signal);
  return bytes;
}

/** Refuses bytes that the source does not have. */
export function requireRange(source: ByteSource, offset: number, byteLength: number): void {
  if (offset < 0 || offset + byteLength > source.byteLength) {
    throw new GgufError(
      source.name,
      `bytes ${offset} to ${offset + byteLength} were asked for, but it has ${source.byteLength}`,
    );
  }
}
