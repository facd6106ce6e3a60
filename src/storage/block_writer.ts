import { blockBytes } from './blocks.ts';

/** Makes blocks of bytes that come in order, and stores each as it is whole; what fails ends the transfer. */
export class BlockWriter {
  readonly #byteLength: number;
  readonly #store: (block: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #failed = new AbortController();
  /** What the transfer ends with: the caller's signal, or a block that could not be stored. */
  readonly signal: AbortSignal;
  #storing: Promise<void>[] = [];
  #block = 0;
  #filled = 0;
  #isWanted: (block: number) => boolean = () => true;

  /** Of a file of `byteLength`; `store` has taken the bytes when it returns its promise. */
  constructor(
    byteLength: number,
    store: (block: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
    signal?: AbortSignal,
  ) {
    this.#byteLength = byteLength;
    this.#store = store;
    this.#buffer = new Uint8Array(Math.min(blockBytes, byteLength));
    this.signal = signal ? AbortSignal.any([signal, this.#failed.signal]) : this.#failed.signal;
  }

  /** Of the next byte, in the file. */
  get offset(): number {
    return this.#block * blockBytes + this.#filled;
  }

  /** The next byte is the first of `block`. */
  restart(block: number, isWanted: (block: number) => boolean = () => true): void {
    [this.#block, this.#filled, this.#isWanted] = [block, 0, isWanted];
  }

  take(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(blockBytes, this.#byteLength - this.#block * blockBytes);
      const part = bytes.subarray(done, done + length - this.#filled);
      if (part.length === 0) throw new RangeError('more came than the file has');
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === length) this.#finishBlock(length);
    }
  }

  #finishBlock(length: number): void {
    const block = this.#block;
    [this.#block, this.#filled] = [block + 1, 0];
    if (!this.#isWanted(block)) return;
    const stored = this.#store(block, this.#buffer.subarray(0, length));
    this.#storing.push(stored.catch((error) => this.#failed.abort(error)));
  }

  /** Resolves when what came whole is stored; rejects with what could not be. */
  async end(): Promise<void> {
    await Promise.all(this.#storing);
    this.#storing = [];
    this.#failed.signal.throwIfAborted();
  }
}
