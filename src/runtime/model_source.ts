/** A model by any of its names, in any home. */
import { blobSiblings, blobSource } from '../gguf/blob.ts';
import { bytesSource } from '../gguf/bytes.ts';
import { GgufError, quote } from '../gguf/errors.ts';
import { fileHandleSource, isFileHandle } from '../gguf/file_handle.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { type HttpOptions, openHttp } from '../gguf/http.ts';
import { type HubOptions, hubHeaders, openHub } from '../gguf/hub.ts';
import { closeGguf, type OpenSibling, openGguf } from '../gguf/open.ts';
import type { ByteSource } from '../gguf/source.ts';
import type { Source } from '../index.ts';

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
}

/** A model's first file, and the way to its siblings. */
interface ModelSource {
  readonly source: ByteSource;
  readonly openSibling?: OpenSibling;
}

/** Opens a model and reads its header; the caller closes it with `closeGguf`. */
export async function openModelIn(places: Places, model: Source, options: HttpOptions = {}): Promise<Gguf> {
  if (isList(model)) return openChosen(model, options.signal);
  const { source, openSibling } = await openModelSource(places, model, options);
  try {
    return await openGguf(source, openSibling, options.signal);
  } catch (error) {
    await source.close();
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

async function openModelSource(places: Places, model: SingleSource, options: HttpOptions): Promise<ModelSource> {
  if (model instanceof Uint8Array) return { source: bytesSource(model) };
  if (model instanceof Blob) return { source: blobSource(model) };
  if (isFileHandle(model)) return { source: await fileHandleSource(model) };
  if (typeof model !== 'string' && !(model instanceof URL)) return { source: model };

  const name = String(model);
  const hub = { ...options, ...places.hub() };
  if (name.startsWith('hf:')) {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    return { source: await openHub(name, hub), openSibling: (fileName) => openHub(folder + fileName, hub) };
  }
  if (places.openFile && !/^https?:\/\//i.test(name)) {
    const openFile = places.openFile;
    const path = name.startsWith('file://') ? new URL(name) : name;
    return { source: await openFile(path), openSibling: (fileName) => openFile(siblingPath(path, fileName)) };
  }
  const url = new URL(name, places.baseUrl?.());
  const http = { ...options, headers: { ...options.headers, ...hubHeaders(url, hub) } };
  return { source: await openHttp(url, http), openSibling: (fileName) => openHttp(siblingUrl(url, fileName), http) };
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
