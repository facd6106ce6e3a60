/** A model by any of its names, in any home. */
import { blobSiblings, blobSource } from '../gguf/blob.ts';
import { bytesSource } from '../gguf/bytes.ts';
import { GgufError, quote } from '../gguf/errors.ts';
import { fileHandleSource, isFileHandle } from '../gguf/file_handle.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { type HttpOptions, openHttp } from '../gguf/http.ts';
import { type HubOptions, hubHeaders, hubUrl } from '../gguf/hub.ts';
import { closeGguf, type OpenSibling, openGguf } from '../gguf/open.ts';
import type { ByteSource } from '../gguf/source.ts';
import type { Source } from '../index.ts';
import { isStored, openStored } from '../storage/open.ts';
import type { StoragePlace } from '../storage/place.ts';
import { StoredFile } from '../storage/stored_file.ts';

export type { Source };

type SingleSource = Exclude<Source, readonly File[]>;

export { isFileHandle };

/** Where a home keeps models. */
export interface Places {
  /** HF_TOKEN and HF_ENDPOINT, where there is an environment. */
  hub(): Pick<HubOptions, 'endpoint' | 'token'>;
  /** A file on disk. Where there are none, a path is an address that resolves against `baseUrl`. */
  openFile?(path: string | URL): Promise<ByteSource>;
  baseUrl?(): string;
  /** Where the home keeps what it fetched; undefined where it cannot. */
  storage?(): StoragePlace | undefined;
}

/** How a file of a web server is opened. */
export interface OpenOptions extends HttpOptions {
  /**
   * Whether it is kept in the home's storage, and read from there; `known`: where it is there already, and then only what
   * is read of it is fetched.
   */
  readonly store?: boolean | 'known';
}

/** A model's first file, and the way to its siblings. */
interface ModelSource {
  readonly source: ByteSource;
  readonly openSibling?: OpenSibling;
}

/** Opens a model and reads its header; the caller closes it with `closeGguf`. */
export async function openModelIn(places: Places, model: Source, options: OpenOptions = {}): Promise<Gguf> {
  if (isList(model)) return openChosen(model, options.signal);
  const { source, openSibling } = await openModelSource(places, model, options);
  try {
    const gguf = await openGguf(source, openSibling, options.signal);
    if (options.store === true) await completeStored(gguf, options);
    return gguf;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Fetches what is missing of a model's files in storage. */
async function completeStored(gguf: Gguf, { signal, onProgress }: OpenOptions): Promise<void> {
  const files = gguf.sources.filter((source) => source instanceof StoredFile);
  const totalBytes = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let before = 0;
  try {
    for (const file of files) {
      await file.complete({ signal, onProgress: (doneBytes) => onProgress?.(before + doneBytes, totalBytes) });
      before += file.byteLength;
    }
  } catch (error) {
    await closeGguf({ ...gguf, sources: gguf.sources.slice(1) });
    throw error;
  }
}

/** Files that a person chose together. By name the first of a split comes first. */
async function openChosen(files: readonly File[], signal?: AbortSignal): Promise<Gguf> {
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const [first] = sorted;
  if (!first) throw new GgufError('files', 'none is chosen; choose a .gguf file');
  const gguf = await openGguf(blobSource(first), blobSiblings(files), signal);
  try {
    requireNoOthers(sorted, gguf);
    return gguf;
  } catch (error) {
    await closeGguf(gguf);
    throw error;
  }
}

function requireNoOthers(files: readonly File[], { sources }: Gguf): void {
  const names = new Set(sources.map(({ name }) => name));
  const model = quote(sources[0]!.name);
  for (const { name } of files) {
    if (!names.delete(name)) throw new GgufError(name, `is no other file of ${model}; choose the files of one model`);
  }
}

function isList(model: Source): model is readonly File[] {
  return Array.isArray(model);
}

async function openModelSource(places: Places, model: SingleSource, options: OpenOptions): Promise<ModelSource> {
  if (model instanceof Uint8Array) return { source: bytesSource(model) };
  if (model instanceof Blob) return { source: blobSource(model) };
  if (isFileHandle(model)) return { source: await fileHandleSource(model) };
  if (typeof model !== 'string' && !(model instanceof URL)) return { source: model };

  const name = String(model);
  if (name.startsWith('hf:')) {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    const open = (file: string) => openUrl(places, hubUrl(file, places.hub().endpoint), file, options);
    return { source: await open(name), openSibling: (fileName) => open(folder + fileName) };
  }
  if (places.openFile && !/^https?:\/\//i.test(name)) {
    const openFile = places.openFile;
    const path = name.startsWith('file://') ? new URL(name) : name;
    return { source: await openFile(path), openSibling: (fileName) => openFile(siblingPath(path, fileName)) };
  }
  const url = new URL(name, places.baseUrl?.());
  const open = (each: URL) => openUrl(places, each, each.href, options);
  return { source: await open(url), openSibling: (fileName) => open(siblingUrl(url, fileName)) };
}

/** By ranges of the server's, or in the home's storage. The hub's token goes to the hub alone. */
async function openUrl(places: Places, url: URL, name: string, options: OpenOptions): Promise<ByteSource> {
  const hub: HubOptions = { ...options, ...places.hub() };
  const http = { ...options, name, headers: { ...options.headers, ...hubHeaders(url, hub) } };
  const place = options.store ? places.storage?.() : undefined;
  const asNeeded = options.store === 'known';
  if (!place || (asNeeded && !(await isStored(place, url)))) return openHttp(url, { ...http, asNeeded });
  return openStored(place, url, { ...hub, ...http });
}

/** The query stays: signed addresses and `?download=true` hold for the whole folder. */
function siblingUrl(url: URL, fileName: string): URL {
  const sibling = new URL(url);
  sibling.pathname = sibling.pathname.replace(/[^/]*$/, encodeURIComponent(fileName));
  return sibling;
}

/** Windows knows both slashes. */
function siblingPath(path: string | URL, fileName: string): string | URL {
  return path instanceof URL ? siblingUrl(path, fileName) : path.replace(/[^/\\]*$/, () => fileName);
}
