import { GgufError } from './errors.ts';
import type { HttpOptions } from './http_file.ts';

const DEFAULT_ENDPOINT = 'https://huggingface.co';

export interface HubOptions extends HttpOptions {
  /** HF_ENDPOINT: another hub's address. */
  readonly endpoint?: string;
  /** HF_TOKEN: sent to the endpoint alone. */
  readonly token?: string;
}

/** The address of `hf:OWNER/REPO/FILE.gguf`; FILE may lie in folders. */
export function hubUrl(name: string, endpoint = DEFAULT_ENDPOINT): URL {
  const parts = name.replace(/^hf:/, '').split('/');
  const [owner, repository, ...file] = parts;
  if (file.length === 0 || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new GgufError(name, 'does not name a file of the hub; write hf:OWNER/REPO/FILE.gguf');
  }
  const path = [owner!, repository!, 'resolve', 'main', ...file].map(encodeURIComponent).join('/');
  return new URL(`${endpointUrl(endpoint).href.replace(/\/+$/, '')}/${path}`);
}

/**
 * What an URL may be sent: the token where it leads to the endpoint itself. It goes into the first request only: `fetch`
 * takes Authorization out when it follows a redirect to another origin, as the hub's to its storage are.
 */
export function hubHeaders(url: URL, { endpoint, token }: HubOptions): Record<string, string> {
  return url.origin === endpointUrl(endpoint ?? DEFAULT_ENDPOINT).origin ? authorization(token) : {};
}

/** More than a pointer of git-lfs takes. */
const pointerBytes = 1024;

/**
 * The SHA-256, in hex, that the hub keeps of a large file: in the pointer that stands for it in the repository, of
 * git-lfs's format. Undefined where `url` is not the hub's, or it tells none.
 */
export async function hubSha256(url: URL, { endpoint, signal }: HubOptions = {}): Promise<string | undefined> {
  if (url.origin !== endpointUrl(endpoint ?? DEFAULT_ENDPOINT).origin || !url.pathname.includes('/resolve/')) return;
  try {
    const pointer = new URL(url.pathname.replace('/resolve/', '/raw/'), url);
    const response = await fetch(pointer, { ...(signal && { signal }) });
    const reader = response.body?.getReader();
    const { value = new Uint8Array(0) } = (await reader?.read()) ?? {};
    await reader?.cancel();
    const text = response.ok ? new TextDecoder().decode(value.subarray(0, pointerBytes)) : '';
    return /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

function authorization(token: string | undefined): Record<string, string> {
  return token ? { authorization: `Bearer ${token}` } : {};
}

function endpointUrl(endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (!url) throw new GgufError(endpoint, "is no hub's address; set HF_ENDPOINT to one like https://huggingface.co");
  return url;
}
