/** A file of a web server as the browser stores it: whole or in part, each block checked before its bytes are used. */
import { GgufError } from '../gguf/errors.ts';
import { FileChangedError, HttpFile, type HttpOptions, openHttpFile, WholeBody } from '../gguf/http_file.ts';
import { type ByteSource, requireRange } from '../gguf/source.ts';
import type { About } from './about.ts';
import { BlockWriter } from './block_writer.ts';
import { BlockTable, blockBytes, equalBytes } from './blocks.ts';
import { download } from './download.ts';
import { StorageFullError } from './errors.ts';
import { type Access, holdWriteLock, type StoragePlace } from './place.ts';
import { confirmWhole } from './whole_hash.ts';

/** What is read of a file that is not there yet, at once: a header comes in few requests. */
const readAheadBlocks = 4;

/** What is held open, and given back at the end. */
export interface Held {
  readonly place: StoragePlace;
  readonly key: string;
  readonly data: Access;
  readonly table: Access;
  release(): void;
}

export interface CompleteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

export const waitingText = (name: string): string => `${name}: another tab is fetching it; this one waits`;

export class StoredFile implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #held: Held;
  readonly #about: About;
  readonly #options: HttpOptions;
  readonly #blocks: BlockTable;
  /** Blocks whose bytes were seen to be right since the file was opened. */
  readonly #checked: Uint8Array;

  constructor(held: Held, about: About, options: HttpOptions) {
    this.name = about.name;
    this.byteLength = about.byteLength;
    this.#held = held;
    this.#about = about;
    this.#options = options;
    this.#blocks = new BlockTable(held.table, about.byteLength);
    this.#checked = new Uint8Array(this.#blocks.count);
  }

  async read(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    requireRange(this, offset, target.length);
    const checks: Promise<void>[] = [];
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < offset + target.length; block++) {
      if (!this.#checked[block]) checks.push(this.#check(block, signal));
    }
    await Promise.all(checks);
    signal?.throwIfAborted();
    if (!readFully(this.#held.data, target, offset)) throw new GgufError(this.name, 'was cut while it was read');
  }

  /** Of all that has come, in bytes. */
  get storedBytes(): number {
    const missing = this.#blocks.missing().reduce((sum, [first, end]) => sum + this.#bytesOf(first, end), 0);
    return this.byteLength - missing;
  }

  /**
   * Fetches what is missing, over several connections, and compares the whole with the hub's hash where it tells one.
   * What came before an abort or a failure stays.
   */
  async complete({ signal, onProgress }: CompleteOptions = {}): Promise<void> {
    const isDone = () => this.storedBytes === this.byteLength && (!this.#about.sha256 || this.#blocks.isConfirmed);
    if (isDone()) return;
    await this.#writing(signal, async () => {
      if (isDone()) return;
      const ended = new AbortController();
      const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
      const stop = (error: unknown) => {
        ended.abort(error);
        throw error;
      };
      const fetching = this.#about.ranges
        ? download(this.#file(), this.#blocks, this.#store, { signal: either, onProgress, done: this.storedBytes })
        : this.#fetchWhole(either, onProgress);
      const confirming = this.#confirm(either);
      const results = await Promise.allSettled([fetching.catch(stop), confirming.catch(stop)]);
      signal?.throwIfAborted();
      for (const result of results) if (result.status === 'rejected') throw ended.signal.reason;
    });
  }

  async close(): Promise<void> {
    this.#held.data.close();
    this.#blocks.close();
    this.#held.release();
  }

  /** What `place` got before there was a table: a beginning that came with the first answer. */
  async storeBeginning(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let block = 0; block < this.#blocks.count; block++) {
      const part = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
      if (part.length < this.#bytesOf(block, block + 1)) return;
      await this.#store(block, part);
    }
  }

  async #check(block: number, signal: AbortSignal | undefined): Promise<void> {
    if (await this.#isRight(block)) return;
    await this.#writing(signal, async () => {
      if (await this.#isRight(block)) return; // by another tab, or as a neighbour
      const { onWarning } = this.#options;
      const isDamaged = this.#blocks.has(block);
      if (isDamaged) onWarning?.(`${this.name}: a part of the stored copy is damaged, and is fetched again`);
      if (!this.#about.ranges) return this.#fetchWhole(signal, undefined, block);
      const [, end] = isDamaged ? [block, block + 1] : (this.#blocks.missing(readAheadBlocks, block)[0] ?? []);
      await download(this.#file(), this.#blocks, this.#store, { signal, runs: [[block, end ?? block + 1]] });
    });
  }

  async #isRight(block: number): Promise<boolean> {
    if (!this.#blocks.has(block)) return false;
    const bytes = this.#readBlock(block);
    if (!bytes || !equalBytes(await digestOf(bytes), this.#blocks.digest(block))) return false;
    this.#checked[block] = 1;
    return true;
  }

  #readBlock(block: number): Uint8Array<ArrayBuffer> | undefined {
    const bytes = new Uint8Array(this.#bytesOf(block, block + 1));
    return readFully(this.#held.data, bytes, block * blockBytes) ? bytes : undefined;
  }

  /** Writes a block, then that it is there. One that was there before must be the same again. */
  readonly #store = async (block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    const digest = digestOf(bytes); // takes its copy of the bytes at once
    this.#write(block, bytes);
    const had = this.#blocks.has(block) ? this.#blocks.digest(block) : undefined;
    if (had && !equalBytes(had, await digest)) {
      throw new GgufError(
        this.name,
        'the server sends other bytes than were stored before; delete it and load it anew',
      );
    }
    this.#blocks.set(block, await digest);
    this.#checked[block] = 1;
  };

  #write(block: number, bytes: Uint8Array): void {
    try {
      if (this.#held.data.write(bytes, { at: block * blockBytes }) === bytes.length) return;
    } catch (error) {
      if ((error as Error).name !== 'QuotaExceededError') throw error;
      throw new StorageFullError(this.name, 'the storage is full', { cause: error });
    }
    throw new StorageFullError(this.name, 'the storage is full');
  }

  /** The whole body once more, of which the blocks are stored that are missing, and the damaged one. */
  async #fetchWhole(
    signal: AbortSignal | undefined,
    onProgress?: (doneBytes: number) => void,
    damaged?: number,
  ): Promise<void> {
    const opened = await openHttpFile(this.#about.url, {
      ...this.#options,
      name: this.name,
      ...(signal && { signal }),
    });
    if (!(opened instanceof WholeBody) || opened.totalBytes !== this.byteLength) throw this.#changed();
    await this.storeWhole(opened, { signal, onProgress }, damaged);
  }

  /** Stores what a server sends as a whole. */
  async storeWhole(body: WholeBody, { signal, onProgress }: CompleteOptions = {}, damaged?: number): Promise<void> {
    const isWanted = (block: number) => block === damaged || !this.#blocks.has(block);
    const writer = new BlockWriter(this.byteLength, this.#store, signal);
    const take = (bytes: Uint8Array) => {
      writer.take(bytes);
      onProgress?.(writer.offset);
    };
    try {
      await body.read(() => writer.restart(0, isWanted), take, writer.signal);
    } finally {
      await writer.end();
      this.#flush();
    }
  }

  async #confirm(signal: AbortSignal): Promise<void> {
    const { sha256 } = this.#about;
    if (!sha256 || this.#blocks.isConfirmed) return;
    const digest = await confirmWhole(this.#blocks, (block) => this.#readBlock(block), signal);
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    if (found === sha256) return this.#blocks.confirm(digest);
    this.#forget();
    throw new GgufError(this.name, `its SHA-256 is ${found}, and the hub says ${sha256}; it is dropped, load it again`);
  }

  #forget(): void {
    this.#blocks.clear();
    this.#checked.fill(0);
  }

  #file(): HttpFile {
    return new HttpFile(this.#about.url, this.name, this.#options, this.#about);
  }

  /** One tab at a time writes; what it wrote the next one knows. */
  async #writing(signal: AbortSignal | undefined, work: () => Promise<void>): Promise<void> {
    const { place, key } = this.#held;
    const onWait = () => this.#options.onWarning?.(waitingText(this.name));
    const release = await holdWriteLock(place, key, { signal, onWait });
    try {
      this.#blocks.reload();
      await work();
    } catch (error) {
      if (!(error instanceof FileChangedError)) throw error;
      throw this.#changed(error);
    } finally {
      this.#flush();
      release();
    }
  }

  /** A part of one version and a part of another are no file. */
  #changed(cause?: Error): GgufError {
    const isWhole = this.storedBytes === this.byteLength;
    if (!isWhole) this.#forget();
    const what = isWhole ? 'the stored copy is damaged' : 'what was stored of it is dropped';
    return new GgufError(this.name, `the file on the server has changed; ${what}, load it anew`, { cause });
  }

  #flush(): void {
    this.#held.data.flush();
    this.#blocks.flush();
  }

  /** Of the blocks `[first, end)`. */
  #bytesOf(first: number, end: number): number {
    return Math.min(end * blockBytes, this.byteLength) - first * blockBytes;
  }
}

function readFully(access: Access, target: Uint8Array, offset: number): boolean {
  for (let done = 0; done < target.length; ) {
    const count = access.read(target.subarray(done), { at: offset + done });
    if (count === 0) return false;
    done += count;
  }
  return true;
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
