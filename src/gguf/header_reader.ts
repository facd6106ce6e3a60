/** A GGUF header as a stream of little-endian fields, read from the source in growing pieces. */
import { GgufError } from './errors.ts';
import type { ByteSource } from './source.ts';

/** A small model's header comes in one piece; a large vocabulary's in a few, with no more than one in memory. */
const FIRST_PIECE_BYTES = 64 * 1024;
const LARGEST_PIECE_BYTES = 4 * 1024 * 1024;

/** Real headers stay under 40 MB (256,000 pieces with merges); what a hostile one may cost in memory stays bounded. */
export const MAX_HEADER_BYTES = 64 * 1024 * 1024;

// A BOM is a character like any other: there are vocabularies with a token for it.
const lossyText = new TextDecoder('utf-8', { ignoreBOM: true });
const strictText = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/**
 * Fields are read in two steps: `await need(n)` brings n bytes into memory or throws, then the plain methods take
 * them. So a loop over 256,000 strings awaits once per piece, not once per string.
 */
export class HeaderReader {
  readonly source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #piece = new Uint8Array(0);
  #view = new DataView(this.#piece.buffer);
  /** Where the piece starts in the source, and the next byte within the piece. */
  #pieceOffset = 0;
  #position = 0;
  #nextPieceBytes = FIRST_PIECE_BYTES;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.source = source;
    this.#signal = signal;
  }

  /** Of the next field, from the source's start. */
  get offset(): number {
    return this.#pieceOffset + this.#position;
  }

  /** Bytes that the header could still have. */
  get remainingBytes(): number {
    return Math.min(this.source.byteLength, MAX_HEADER_BYTES) - this.offset;
  }

  has(byteLength: number): boolean {
    return this.#piece.length - this.#position >= byteLength;
  }

  /** Brings the next `byteLength` bytes into memory; `what` names them where the source has fewer. */
  async need(byteLength: number, what: string): Promise<void> {
    if (this.has(byteLength)) return;
    this.requireRemaining(byteLength, what);
    const rest = this.#piece.subarray(this.#position);
    const pieceOffset = this.offset;
    const pieceBytes = Math.min(Math.max(byteLength, this.#nextPieceBytes), this.source.byteLength - pieceOffset);
    const piece = new Uint8Array(pieceBytes);
    piece.set(rest);
    await this.source.read(pieceOffset + rest.length, piece.subarray(rest.length), this.#signal);
    this.#piece = piece;
    this.#view = new DataView(piece.buffer);
    this.#pieceOffset = pieceOffset;
    this.#position = 0;
    this.#nextPieceBytes = Math.min(this.#nextPieceBytes * 2, LARGEST_PIECE_BYTES);
  }

  /** Refuses a length that the rest of the source can't hold, before anything of that size is allocated. */
  requireRemaining(byteLength: number, what: string): void {
    if (byteLength <= this.remainingBytes) return;
    if (this.offset + byteLength > this.source.byteLength) {
      throw this.error(
        `${what} needs ${byteLength} bytes where the file has ${this.source.byteLength - this.offset}; it is truncated or damaged, fetch it again`,
      );
    }
    throw this.error(`${what} makes the header longer than ${MAX_HEADER_BYTES} bytes, which no real model's is`);
  }

  error(what: string): GgufError {
    return new GgufError(this.source.name, `${what} (header byte ${this.offset})`);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A uint64 that counts or measures something: refused beyond 2^53. */
  size(what: string): number {
    const at = this.#advance(8);
    const size = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    if (size > Number.MAX_SAFE_INTEGER) throw this.error(`${what} is ${size}, beyond 2^53`);
    return size;
  }

  /** `byteLength` bytes as text, invalid UTF-8 as U+FFFD: llama.cpp takes values as bytes and refuses none. */
  text(byteLength: number): string {
    const at = this.#advance(byteLength);
    return lossyText.decode(this.#piece.subarray(at, at + byteLength));
  }

  /** `byteLength` bytes as text; invalid UTF-8 is refused. */
  name(byteLength: number, what: string): string {
    const at = this.#advance(byteLength);
    try {
      return strictText.decode(this.#piece.subarray(at, at + byteLength));
    } catch {
      throw this.error(`${what} is not valid UTF-8`);
    }
  }

  /** Fills `target`: first from what is in memory, the rest straight from the source. */
  async bytes(target: Uint8Array, what: string): Promise<void> {
    this.requireRemaining(target.length, what);
    const buffered = Math.min(target.length, this.#piece.length - this.#position);
    const at = this.#advance(buffered);
    target.set(this.#piece.subarray(at, at + buffered));
    if (buffered === target.length) return;
    await this.source.read(this.offset, target.subarray(buffered), this.#signal);
    this.#position += target.length - buffered;
    this.#pieceOffset += this.#position;
    this.#piece = new Uint8Array(0);
    this.#position = 0;
  }

  #advance(byteLength: number): number {
    const at = this.#position;
    this.#position += byteLength;
    return at;
  }
}
