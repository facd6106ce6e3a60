import { type FileVersion, openHttpFile, WholeBody } from '../gguf/http_file.ts';
import { type HubOptions, hubSha256 } from '../gguf/hub.ts';
import type { ByteSource } from '../gguf/source.ts';
import { type About, keyOf, readAbout, writeAbout } from './about.ts';
import { StorageBusyError, StorageFullError } from './errors.ts';
import {
  type Access,
  type Folder,
  holdLock,
  holdWriteLock,
  type StoragePlace,
  storedFolder,
  useLock,
} from './place.ts';
import { StoredFile, waitingText } from './stored_file.ts';

/** How a file is fetched, what it is called, and which hub may tell its hash. */
export type StoreOptions = HubOptions & { readonly name: string };

/**
 * Opens a file of a web server that is stored, or begins to store it: then the header is there, and `complete` fetches
 * the rest. What is stored already is not asked for again, nor whether the server has another file by now.
 * `StorageFullError` before anything is fetched, where the browser gives less room than the file needs.
 */
export async function openStored(place: StoragePlace, url: URL, options: StoreOptions): Promise<ByteSource> {
  const { signal } = options;
  const key = await keyOf(url);
  const release = await holdLock(place.locks, useLock(key), { mode: 'shared', ...(signal && { signal }) });
  try {
    const folder = await (await storedFolder(place)).getDirectoryHandle(key, { create: true });
    const open = async (about: About) => {
      const [data, table] = await Promise.all([
        access(folder, 'data', about.name),
        access(folder, 'blocks', about.name),
      ]);
      return new StoredFile({ place, key, data, table, release: release! }, about, { ...options, name: about.name });
    };
    const known = await readAbout(folder);
    if (known) return await open(known);
    const onWait = () => options.onWarning?.(waitingText(options.name));
    const done = await holdWriteLock(place, key, { signal, onWait });
    try {
      const other = await readAbout(folder); // of a tab that was faster
      return await (other ? open(other) : begin(place, folder, url, options, open));
    } finally {
      done();
    }
  } catch (error) {
    release?.();
    throw error;
  }
}

/** Whether a file of the server is stored, in part at least. */
export async function isStored(place: StoragePlace, url: URL): Promise<boolean> {
  try {
    return (await readAbout(await (await storedFolder(place)).getDirectoryHandle(await keyOf(url)))) !== undefined;
  } catch {
    return false;
  }
}

async function begin(
  place: StoragePlace,
  folder: Folder,
  url: URL,
  options: StoreOptions,
  open: (about: About) => Promise<StoredFile>,
): Promise<ByteSource> {
  const { name } = options;
  const opened = await openHttpFile(url, options);
  if (!(opened instanceof WholeBody) && !('file' in opened)) return opened;
  const version = opened instanceof WholeBody ? wholeVersion(opened, name) : opened.file.version;
  await reserve(place, version.byteLength, name);
  const about: About = {
    url: url.href,
    name,
    byteLength: version.byteLength,
    etag: version.etag,
    lastModified: version.lastModified,
    ranges: 'file' in opened,
    sha256: (await hubSha256(url, options)) ?? null,
    addedAt: Date.now(),
  };
  await writeAbout(folder, about);
  const stored = await open(about);
  try {
    if (opened instanceof WholeBody) {
      options.onWarning?.(`${name}: the server answers no Range requests; where it breaks off, it begins anew`);
      const onProgress = (doneBytes: number) => options.onProgress?.(doneBytes, about.byteLength);
      await stored.storeWhole(opened, { signal: options.signal, onProgress });
    } else await stored.storeBeginning(opened.beginning);
    return stored;
  } catch (error) {
    await stored.close();
    throw error;
  }
}

function wholeVersion({ totalBytes }: WholeBody, name: string): FileVersion {
  if (totalBytes !== undefined) return { byteLength: totalBytes, etag: null, lastModified: null };
  throw new StorageFullError(name, 'the server does not say how large it is, so no room can be kept for it');
}

/** Asks for room, and that it be kept, before anything is fetched. */
async function reserve(place: StoragePlace, byteLength: number, name: string): Promise<void> {
  const { usage = 0, quota = Number.POSITIVE_INFINITY } = await place.estimate();
  if (byteLength > quota - usage) {
    const [needs, has] = [byteLength, Math.max(0, quota - usage)].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
    throw new StorageFullError(name, `it needs ${needs}, and the browser gives ${has} more to this page`);
  }
  await place.persist();
}

async function access(folder: Folder, file: string, name: string): Promise<Access> {
  const handle = await folder.getFileHandle(file, { create: true });
  try {
    return await handle.createSyncAccessHandle({ mode: 'readwrite-unsafe' });
  } catch (error) {
    if ((error as Error).name !== 'NoModificationAllowedError') throw error;
    throw new StorageBusyError(
      name,
      'is open in another tab, and this browser gives it to one at a time; close that one',
    );
  }
}
