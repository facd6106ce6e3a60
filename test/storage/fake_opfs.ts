/** OPFS in memory, as one browser has it: handles that lock, a quota that writing meets, locks that tabs share. */
import type { Access, Folder, Locks, PrivateFile, StoragePlace } from '../../src/storage/place.ts';

export class FakeOpfs {
  quota = Number.POSITIVE_INFINITY;
  /** Browsers that know no `readwrite-unsafe` give a file to one at a time. */
  knowsModes = true;
  persistCount = 0;
  readonly #root = new FakeFolder(this);
  readonly #locks = new FakeLocks();

  /** What one tab sees. */
  place(): StoragePlace {
    return {
      root: async () => this.#root,
      locks: this.#locks,
      estimate: async () => ({ usage: this.usage, quota: this.quota }),
      persist: async () => ++this.persistCount > 0,
    };
  }

  get usage(): number {
    return [...this.files()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Every file, by the end of its path. */
  file(name: string): FakeFile {
    const found = [...this.files()].find((file) => file.name === name);
    if (!found) throw new Error(`no file ${name}`);
    return found;
  }

  files(): Iterable<FakeFile> {
    return this.#root.files();
  }
}

class FakeFolder implements Folder {
  readonly kind = 'directory';
  readonly #opfs: FakeOpfs;
  readonly #entries = new Map<string, FakeFolder | FakeFile>();

  constructor(opfs: FakeOpfs) {
    this.#opfs = opfs;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<FakeFolder> {
    const entry = this.#entries.get(name) ?? (create ? new FakeFolder(this.#opfs) : undefined);
    if (!(entry instanceof FakeFolder)) throw new DOMException('no such folder', 'NotFoundError');
    this.#entries.set(name, entry);
    return entry;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FakeFile> {
    const entry = this.#entries.get(name) ?? (create ? new FakeFile(this.#opfs, name) : undefined);
    if (!(entry instanceof FakeFile)) throw new DOMException('no such file', 'NotFoundError');
    this.#entries.set(name, entry);
    return entry;
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.#entries.delete(name)) throw new DOMException('nothing there', 'NotFoundError');
  }

  async *keys(): AsyncGenerator<string> {
    yield* [...this.#entries.keys()];
  }

  *files(): Generator<FakeFile> {
    for (const entry of this.#entries.values()) {
      if (entry instanceof FakeFile) yield entry;
      else yield* entry.files();
    }
  }
}

export class FakeFile implements PrivateFile {
  readonly kind = 'file';
  readonly name: string;
  readonly #opfs: FakeOpfs;
  bytes = new Uint8Array(0);
  openCount = 0;

  constructor(opfs: FakeOpfs, name: string) {
    this.#opfs = opfs;
    this.name = name;
  }

  async getFile(): Promise<Blob> {
    return new Blob([this.bytes]);
  }

  async createSyncAccessHandle(): Promise<Access> {
    if (!this.#opfs.knowsModes && this.openCount > 0) {
      throw new DOMException('another has it', 'NoModificationAllowedError');
    }
    this.openCount++;
    return {
      read: (target, { at }) => {
        const part = this.bytes.subarray(at, at + target.length);
        target.set(part);
        return part.length;
      },
      write: (bytes, { at }) => {
        this.#grow(at + bytes.length);
        this.bytes.set(bytes, at);
        return bytes.length;
      },
      getSize: () => this.bytes.length,
      flush: () => undefined,
      close: () => {
        this.openCount--;
      },
    };
  }

  #grow(byteLength: number): void {
    const more = byteLength - this.bytes.length;
    if (more <= 0) return;
    if (this.#opfs.usage + more > this.#opfs.quota) throw new DOMException('no room', 'QuotaExceededError');
    const grown = new Uint8Array(byteLength);
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** As `navigator.locks`: in the order of asking. */
class FakeLocks implements Locks {
  readonly #held = new Map<string, { mode: string; count: number }>();
  readonly #waiting: { name: string; mode: string; grant(): void }[] = [];

  async request<T>(
    name: string,
    { mode = 'exclusive', ifAvailable = false, signal }: Parameters<Locks['request']>[1],
    run: (lock: unknown) => T | Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    if (!this.#isFree(name, mode)) {
      if (ifAvailable) return run(null);
      await new Promise<void>((resolve, reject) => {
        const waiting = { name, mode, grant: resolve };
        this.#waiting.push(waiting);
        signal?.addEventListener('abort', () => {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
          reject(signal.reason);
        });
      });
    }
    this.#held.set(name, { mode, count: (this.#held.get(name)?.count ?? 0) + 1 });
    try {
      return await run({ name });
    } finally {
      this.#release(name);
    }
  }

  #isFree(name: string, mode: string): boolean {
    const held = this.#held.get(name);
    return !held || (held.mode === 'shared' && mode === 'shared');
  }

  #release(name: string): void {
    const { mode, count } = this.#held.get(name)!;
    if (count > 1) return void this.#held.set(name, { mode, count: count - 1 });
    this.#held.delete(name);
    const next = this.#waiting.findIndex((waiting) => waiting.name === name);
    if (next >= 0) this.#waiting.splice(next, 1)[0]?.grant();
  }
}
