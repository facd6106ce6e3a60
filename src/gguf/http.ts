/** A file on a web server, read by Range requests; where the server knows none, it is fetched whole first. */
import { ChunkStore } from './chunks.ts';
import { type HttpFile, type HttpOptions, openHttpFile, READ_AHEAD_BYTES, WholeBody } from './http_file.ts';
import { passingBody } from './passing_body.ts';
import { type ByteSource, requireRange } from './source.ts';

export type { HttpOptions };

/** Opens `url`; rejects with a `GgufError` that says what the server answered. */
export async function openHttp(url: string | URL, options: HttpOptions = {}): Promise<ByteSource> {
  const opened = await openHttpFile(url, options);
  if (opened instanceof WholeBody) {
    const { totalBytes } = opened;
    return options.asNeeded && totalBytes !== undefined ? passingBody(opened, totalBytes) : readWhole(opened, options);
  }
  return 'file' in opened ? new RangeSource(opened.file, opened.beginning) : opened;
}

class RangeSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #file: HttpFile;
  /** The latest read-ahead: what small reads are answered from. */
  #window: { readonly offset: number; readonly bytes: Uint8Array };

  constructor(file: HttpFile, beginning: Uint8Array) {
    this.name = file.name;
    this.byteLength = file.version.byteLength;
    this.#file = file;
    this.#window = { offset: 0, bytes: beginning };
  }

  async read(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    requireRange(this, offset, target.length);
    const known = this.#copyFromWindow(offset, target);
    const rest = target.subarray(known);
    if (rest.length === 0) return;
    if (rest.length >= READ_AHEAD_BYTES) return this.#fill(offset + known, rest, signal);

    const windowOffset = offset + known;
    const bytes = new Uint8Array(Math.min(READ_AHEAD_BYTES, this.byteLength - windowOffset));
    await this.#fill(windowOffset, bytes, signal);
    this.#window = { offset: windowOffset, bytes };
    rest.set(bytes.subarray(0, rest.length));
  }

  async close(): Promise<void> {
    this.#window = { offset: 0, bytes: new Uint8Array(0) };
  }

  #copyFromWindow(offset: number, target: Uint8Array): number {
    const at = offset - this.#window.offset;
    if (at < 0 || at >= this.#window.bytes.length) return 0;
    const part = this.#window.bytes.subarray(at, at + target.length);
    target.set(part);
    return part.length;
  }

  #fill(offset: number, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    let done = 0;
    return this.#file.fetch(offset, target.length, signal, (bytes) => {
      target.set(bytes, done);
      done += bytes.length;
    });
  }
}

async function readWhole(body: WholeBody, options: HttpOptions): Promise<ByteSource> {
  const { name, totalBytes } = body;
  options.onWarning?.(`${name}: the server answers no Range requests; the whole file is fetched into memory first`);
  let store = new ChunkStore();
  const restart = () => {
    store = new ChunkStore();
  };
  const take = (bytes: Uint8Array) => {
    store.append(bytes);
    options.onProgress?.(store.byteLength, totalBytes);
  };
  await body.read(restart, take, options.signal);
  return store.asSource(name);
}
