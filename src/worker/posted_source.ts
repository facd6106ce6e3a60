import { isFileHandle, type Source } from '../runtime/model_source.ts';
import { pageUrl } from '../runtime/page_url.ts';

/** A source as it goes over, and what of it is handed over. A worker's own address is another than the page's. */
export function postedSource(source: Source): [posted: unknown, transfer: Transferable[]] {
  if (source instanceof Blob || Array.isArray(source) || isFileHandle(source)) return [source, []];
  if (source instanceof Uint8Array) {
    const copy = source.slice();
    return [copy, [copy.buffer]];
  }
  if (typeof source === 'string' || source instanceof URL) {
    const name = String(source);
    return [name.startsWith('hf:') ? name : new URL(name, pageUrl()).href, []];
  }
  throw new TypeError(
    "a ByteSource can't be posted to a worker; give it a File, a Blob, a file's handle, bytes or a link",
  );
}
