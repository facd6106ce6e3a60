import type { TextStream } from './tokenizer.ts';

/** Bytes to text as they come: what is not yet a whole character waits for the bytes that complete it. */
export class Utf8Stream implements TextStream {
  readonly #bytesOf: (token: number) => Uint8Array;
  // A byte order mark in the text is text: without ignoreBOM the decoder would swallow it.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** `bytesOf` gives what a token adds to the text; it is asked once for each token, in order. */
  constructor(bytesOf: (token: number) => Uint8Array) {
    this.#bytesOf = bytesOf;
  }

  push(token: number): string {
    return this.#decoder.decode(this.#bytesOf(token), { stream: true });
  }

  end(): string {
    return this.#decoder.decode();
  }
}
