/** What a web server has under an URL: a file in ranges, or a body that comes as a whole alone. */
import { bytesSource } from './bytes.ts';
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
import type { ByteSource } from './source.ts';

/** A header of 256,000 pieces comes in three requests; what is read too much costs less than another round trip. */
export const READ_AHEAD_BYTES = 4 * 1024 * 1024;

export interface HttpOptions {
  /** What messages call the source; its URL where absent. */
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A server without Range is read no further than is asked for, rather than whole and at once: for a header. */
  readonly asNeeded?: boolean;
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

/** A file in ranges, with its first bytes; one that its server sends as a whole alone; an empty one. */
export type OpenedHttp =
  | { readonly file: HttpFile; readonly beginning: Uint8Array<ArrayBuffer> }
  | WholeBody
  | ByteSource;

/** What `openHttp` makes a source of, for those who keep the bytes elsewhere. */
export async function openHttpFile(url: string | URL, options: HttpOptions = {}): Promise<OpenedHttp> {
  const name = options.name ?? String(url);
  const { retryMs, signal } = options;
  return retrying({ name, tries: OPEN_TRIES, retryMs, signal }, async () => {
    const response = await requestRange(url, options, 0, READ_AHEAD_BYTES, signal);
    if (response.status === 200) return new WholeBody(url, name, options, response);
    if (isEmpty(response)) return bytesSource(new Uint8Array(0), name);
    await requireOk(response, name);
    const version = versionOf(response, 0, name);
    const beginning = new Uint8Array(Math.min(READ_AHEAD_BYTES, version.byteLength));
    await fill(beginning, response, name, options);
    return { file: new HttpFile(url, name, options, version), beginning };
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
export interface FileVersion {
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

/** A file whose server answers Range requests. */
export class HttpFile {
  readonly name: string;
  readonly version: FileVersion;
  readonly #url: string | URL;
  readonly #options: HttpOptions;

  /** Nothing is asked for yet: `version` is what is known of the file. */
  constructor(url: string | URL, name: string, options: HttpOptions, version: FileVersion) {
    this.name = name;
    this.version = version;
    this.#url = url;
    this.#options = options;
  }

  /** Hands `take` the bytes in their order, as they come; what came before a fault is not asked for again. */
  async fetch(
    offset: number,
    byteLength: number,
    signal: AbortSignal | undefined,
    take: (bytes: Uint8Array) => void,
  ): Promise<void> {
    let done = 0;
    let doneBefore = 0;
    const madeProgress = () => done > doneBefore;
    const { retryMs } = this.#options;
    await retrying({ name: this.name, tries: DOWNLOAD_TRIES, retryMs, signal, madeProgress }, async () => {
      doneBefore = done;
      const response = await requestRange(this.#url, this.#options, offset + done, byteLength - done, signal);
      await this.#requireSameVersion(response, offset + done);
      await drain(byteLength - done, response, this.name, this.#options, (bytes) => {
        take(bytes);
        done += bytes.length;
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
    const validator = now.etag && this.version.etag ? 'etag' : 'lastModified';
    const same = now[validator] === this.version[validator] || now[validator] === null;
    if (now.byteLength === this.version.byteLength && same) return;
    await response.body?.cancel();
    throw this.#changed();
  }

  #changed(): FileChangedError {
    return new FileChangedError(this.name, 'the file on the server has changed since it was opened; open it again');
  }
}

/** The server has another file by now. */
export class FileChangedError extends GgufError {}

/** Fills `target` from a response's body. */
async function fill(target: Uint8Array, response: Response, name: string, options: HttpOptions): Promise<void> {
  let done = 0;
  await drain(target.length, response, name, options, (bytes) => {
    target.set(bytes, done);
    done += bytes.length;
  });
}

/** Hands over a response's body of `byteLength` bytes; one that ends early is a passing fault. */
async function drain(
  byteLength: number,
  response: Response,
  name: string,
  { stallMs }: HttpOptions,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  let done = 0;
  for await (const chunk of eachChunk(response, stallMs)) {
    done += chunk.length;
    if (done > byteLength) throw new GgufError(name, 'the server sent more than it was asked for');
    take(chunk);
  }
  if (done < byteLength) throw new PassingFault('the connection ended early');
}

/** A file whose server sends it as a whole, or not at all. */
export class WholeBody {
  readonly name: string;
  /** In bytes; undefined where the server does not say. */
  readonly totalBytes: number | undefined;
  readonly #url: string | URL;
  readonly #options: HttpOptions;
  #response: Response | undefined;

  constructor(url: string | URL, name: string, options: HttpOptions, response: Response) {
    const { headers } = response;
    // A compressed body's length says nothing about the bytes that come out of it.
    const stated = headers.has('content-encoding') ? null : headers.get('content-length');
    this.name = name;
    this.totalBytes = stated === null ? undefined : Number(stated);
    this.#url = url;
    this.#options = options;
    this.#response = response;
  }

  /** Hands `take` the body in order; where the connection ends early, again from the beginning, after `restart`. */
  async read(restart: () => void, take: (bytes: Uint8Array) => void, signal?: AbortSignal): Promise<void> {
    const { name, totalBytes } = this;
    const { retryMs, stallMs } = this.#options;
    await retrying({ name, tries: OPEN_TRIES, retryMs, signal }, async () => {
      const response = this.#response ?? (await requestRange(this.#url, this.#options, 0, READ_AHEAD_BYTES, signal));
      this.#response = undefined;
      if (response.status !== 200) throw new FileChangedError(name, 'the server has changed its mind; open it again');
      restart();
      let done = 0;
      for await (const chunk of eachChunk(response, stallMs)) {
        signal?.throwIfAborted();
        take(chunk);
        done += chunk.length;
      }
      if (totalBytes !== undefined && done < totalBytes) throw new PassingFault('the connection ended early');
    });
  }
}
