import { GgufError } from './errors.ts';
import { type HttpOptions, openHttp } from './http.ts';
import type { ByteSource } from './source.ts';

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
 * Opens a file of the hub. The token goes into the first request only: `fetch` takes Authorization out when it
 * follows a redirect to another origin, as the hub's to its storage are.
 */
export function openHub(name: string, options: HubOptions = {}): Promise<ByteSource> {
  const { endpoint, token, ...http } = options;
  return openHttp(hubUrl(name, endpoint), { name, ...http, headers: { ...http.headers, ...authorization(token) } });
}

/** What an URL that someone wrote out may be sent: the token where it leads to the endpoint itself. */
export function hubHeaders(url: URL, { endpoint, token }: HubOptions): Record<string, string> {
  return url.origin === endpointUrl(endpoint ?? DEFAULT_ENDPOINT).origin ? authorization(token) : {};
}

function authorization(token: string | undefined): Record<string, string> {
  return token ? { authorization: `Bearer ${token}` } : {};
}

function endpointUrl(endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (!url) throw new GgufError(endpoint, "is no hub's address; set HF_ENDPOINT to one like https://huggingface.co");
  return url;
}
