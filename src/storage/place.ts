/** What of an origin's private file system (OPFS), its locks and its quota is used; tests put their own in its place. */
export interface StoragePlace {
  root(): Promise<Folder>;
  readonly locks: Locks;
  estimate(): Promise<{ readonly usage?: number; readonly quota?: number }>;
  /** Asks the browser to keep what is stored also when room is short. */
  persist(): Promise<boolean>;
}

export interface Folder {
  readonly kind: 'directory';
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<Folder>;
  getFileHandle(name: string, options?: { create?: boolean }): Promise<PrivateFile>;
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
  keys(): AsyncIterable<string>;
}

export interface PrivateFile {
  readonly kind: 'file';
  getFile(): Promise<Blob>;
  /** In dedicated workers alone. Browsers that know no `mode` give the file to one at a time. */
  createSyncAccessHandle(options: { mode: 'readwrite-unsafe' }): Promise<Access>;
}

export interface Access {
  read(target: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  getSize(): number;
  flush(): void;
  close(): void;
}

export interface Locks {
  request<T>(
    name: string,
    options: { mode?: 'exclusive' | 'shared'; ifAvailable?: boolean; signal?: AbortSignal },
    run: (lock: unknown) => T | Promise<T>,
  ): Promise<T>;
}

/** Takes a lock until what is returned is called; undefined where it is not to be had at once and `ifAvailable` is set. */
export function holdLock(
  locks: Locks,
  name: string,
  options: { mode?: 'exclusive' | 'shared'; ifAvailable?: boolean; signal?: AbortSignal },
): Promise<(() => void) | undefined> {
  const held = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    const run = (lock: unknown) => {
      resolve(lock ? held.resolve : undefined);
      return lock ? held.promise : undefined;
    };
    locks.request(name, options, run).catch(reject);
  });
}

/** Held in common by all that have a stored file open; whoever removes it takes it alone. */
export const useLock = (key: string): string => `webgguf use ${key}`;

/** Takes the lock of whoever writes; `onWait` is called where another tab has it. */
export async function holdWriteLock(
  { locks }: StoragePlace,
  key: string,
  { signal, onWait }: { signal?: AbortSignal | undefined; onWait(): void },
): Promise<() => void> {
  const name = `webgguf write ${key}`;
  const atOnce = await holdLock(locks, name, { ifAvailable: true });
  if (atOnce) return atOnce;
  onWait();
  return (await holdLock(locks, name, signal ? { signal } : {})) as () => void;
}

/** The folder of all stored files. */
export async function storedFolder(place: StoragePlace): Promise<Folder> {
  return (await place.root()).getDirectoryHandle('webgguf', { create: true });
}
