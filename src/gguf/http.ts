/** A file on a web server, read by Range requests; where the server knows none, it is fetched whole first. */
import { bytesSource } from './bytes.ts';
import { ChunkStore } from './chunks.ts';
import { GgufError } from './errors.ts';
import {
  DOWNLOAD_TRIES,
  eachChunk,
  OPEN_TRIES,
  PassingFault,
  requireOk,
  retrying,
  unlessStalled,
} from './http_request.ts';
import { type ByteSource, requireRange } from './source.ts';

/** A header of 256,000 pieces comes in three requests; what is read too much costs less than another round trip. */
const READ_AHEAD_BYTES = 4 * 1024 * 1024;

export interface HttpOptions {
  /** What messages call the source; its URL where absent. */
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the opening; reads have signals of their own. */
  readonly signal?: AbortSignal;
  /** The wait before the first repetition, doubled each time; 500 where absent. */
  readonly retryMs?: number;
  /** How long a server may be silent before the request is repeated; 30,000 where absent. */
  readonly stallMs?: number;
  onWarning?(text: string): void;
  /** While a server without Range is being read whole; `totalBytes` is undefined where it does not say. */
  onProgress?(doneBytes: number, totalBytes: number | undefined): void;
}

/** Opens `url`; rejects with a `GgufError` that says what the server answered. */
export async function openHttp(url: string | URL, options: HttpOptions = {}): Promise<ByteSource> {
  const name = options.name ?? String(url);
  const { retryMs, signal } = options;
  return retrying({ name, tries: OPEN_TRIES, retryMs, signal }, async () => {
    const response = await requestRange(url, options, 0, READ_AHEAD_BYTES, signal);
    if (response.status === 200) return fetchWhole(response, name, options);
    if (isEmpty(response)) return bytesSource(new Uint8Array(0), name);
    await requireOk(response, name);
    const version = versionOf(response, 0, name);
    const window = new Uint8Array(Math.min(READ_AHEAD_BYTES, version.byteLength));
    await fill(window, response, name, options);
    return new RangeSource(url, name, options, version, { offset: 0, bytes: window });
  });
}

async function requestRange(
  url: string | URL,
  { headers, stallMs }: HttpOptions,
  offset: number,
  byteLength: number,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const range = `bytes=${offset}-${offset + byteLength - 1}`;
  const silence = new AbortController();
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  // No cache: browsers would write tens of gigabytes of ranges to disk a second time.
  const answer = fetch(url, { headers: { ...headers, range }, signal: either, cache: 'no-store' });
  return unlessStalled(answer, stallMs).catch((error) => {
    silence.abort();
    throw error;
  });
}

function isEmpty(response: Response): boolean {
  return response.status === 416 && response.headers.get('content-range')?.trim() === 'bytes */0';
}

/** What tells one version of a file from another. */
interface FileVersion {
  readonly byteLength: number;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** From a 206 answer to a request of the bytes from `offset` on. */
function versionOf({ headers }: Response, offset: number, name: string): FileVersion {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range')?.trim() ?? '') ?? [];
  const byteLength = Number(total);
  if (Number(start) !== offset || !Number.isSafeInteger(byteLength)) {
    throw new GgufError(
      name,
      'the server answers Range requests wrongly (Content-Range); download it and open the copy',
    );
  }
  return { byteLength, etag: headers.get('etag'), lastModified: headers.get('last-modified') };
}

class RangeSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #url: string | URL;
  readonly #options: HttpOptions;
  readonly #version: FileVersion;
  /** The latest read-ahead: what small reads are answered from. */
  #window: { readonly offset: number; readonly bytes: Uint8Array };

  constructor(
    url: string | URL,
    name: string,
    options: HttpOptions,
    version: FileVersion,
    window: { offset: number; bytes: Uint8Array },
  ) {
    this.name = name;
    this.byteLength = version.byteLength;
    this.#url = url;
    this.#options = options;
    this.#version = version;
    this.#window = window;
  }

  async read(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    requireRange(this, offset, target.length);
    const known = this.#copyFromWindow(offset, target);
    const rest = target.subarray(known);
    if (rest.length === 0) return;
    if (rest.length >= READ_AHEAD_BYTES) return this.#download(offset + known, rest, signal);

    const windowOffset = offset + known;
    const bytes = new Uint8Array(Math.min(READ_AHEAD_BYTES, this.byteLength - windowOffset));
    await this.#download(windowOffset, bytes, signal);
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

  /** Straight into `target`; what came before a fault is kept, and only the rest asked for again. */
  async #download(offset: number, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    let done = 0;
    let doneBefore = 0;
    const madeProgress = () => done > doneBefore;
    const { retryMs } = this.#options;
    await retrying({ name: this.name, tries: DOWNLOAD_TRIES, retryMs, signal, madeProgress }, async () => {
      doneBefore = done;
      const response = await requestRange(this.#url, this.#options, offset + done, target.length - done, signal);
      await this.#requireSameVersion(response, offset + done);
      await fill(target.subarray(done), response, this.name, this.#options, (byteLength) => {
        done += byteLength;
      });
    });
  }

  /**
   * ETag or Last-Modified of every answer are compared here rather than asked for by If-Range, which is no simple
   * header: with it a browser would ask permission (CORS preflight) before each range.
   */
  async #requireSameVersion(response: Response, offset: number): Promise<void> {
    if (response.status === 200 || response.status === 416) {
      await response.body?.cancel();
      throw this.#changed();
    }
    await requireOk(response, this.name);
    const now = versionOf(response, offset, this.name);
    const validator = now.etag && this.#version.etag ? 'etag' : 'lastModified';
    const same = now[validator] === this.#version[validator] || now[validator] === null;
    if (now.byteLength === this.#version.byteLength && same) return;
    await response.body?.cancel();
    throw this.#changed();
  }

  #changed(): GgufError {
    return new GgufError(this.name, 'the file on the server has changed since it was opened; open it again');
  }
}

/** Fills `target` from a response's body; a body that ends early is a passing fault. */
async function fill(
  target: Uint8Array,
  response: Response,
  name: string,
  { stallMs }: HttpOptions,
  onBytes?: (byteLength: number) => void,
): Promise<void> {
  let done = 0;
  for await (const chunk of eachChunk(response, stallMs)) {
    if (done + chunk.length > target.length) throw new GgufError(name, 'the server sent more than it was asked for');
    target.set(chunk, done);
    done += chunk.length;
    onBytes?.(chunk.length);
  }
  if (done < target.length) throw new PassingFault('the connection ended early');
}

async function fetchWhole(response: Response, name: string, options: HttpOptions): Promise<ByteSource> {
  const { headers } = response;
  // A compressed body's length says nothing about the bytes that come out of it.
  const stated = headers.has('content-encoding') ? null : headers.get('content-length');
  const totalBytes = stated === null ? undefined : Number(stated);
  options.onWarning?.(`${name}: the server answers no Range requests; the whole file is fetched into memory first`);
  const store = new ChunkStore();
  for await (const chunk of eachChunk(response, options.stallMs)) {
    store.append(chunk);
    options.onProgress?.(store.byteLength, totalBytes);
  }
  if (totalBytes !== undefined && store.byteLength < totalBytes) throw new PassingFault('the connection ended early');
  return store.asSource(name);
}
