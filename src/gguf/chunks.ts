import { type ByteSource, requireRange } from './source.ts';

/** A whole source in memory as a list of equal chunks: no engine gives one buffer of tens of gigabytes. */
export class ChunkStore {
  readonly #chunks: Uint8Array[] = [];
  readonly #chunkBytes: number;
  byteLength = 0;

  constructor(chunkBytes = 16 * 1024 * 1024) {
    this.#chunkBytes = chunkBytes;
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = this.byteLength % this.#chunkBytes;
      if (at === 0) this.#chunks.push(new Uint8Array(this.#chunkBytes));
      const part = bytes.subarray(done, done + this.#chunkBytes - at);
      this.#chunks.at(-1)!.set(part, at);
      this.byteLength += part.length;
      done += part.length;
    }
  }

  /** Complete: nothing is appended any more. */
  asSource(name: string): ByteSource {
    const source: ByteSource = {
      name,
      byteLength: this.byteLength,
      read: async (offset, target) => {
        requireRange(source, offset, target.length);
        this.read(offset, target);
      },
      close: async () => {
        this.#chunks.length = 0;
      },
    };
    return source;
  }

  /** Of what was appended. */
  read(offset: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const at = (offset + done) % this.#chunkBytes;
      const chunk = this.#chunks[Math.floor((offset + done) / this.#chunkBytes)]!;
      const part = chunk.subarray(at, at + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  }
}
