import type { FileVersion } from '../gguf/http_file.ts';
import type { Folder, PrivateFile } from './place.ts';

/** What is kept beside a stored file; written once, before any of its bytes. */
export interface About extends FileVersion {
  /** Where its bytes come from. */
  readonly url: string;
  /** As it was asked for: the URL, or `hf:OWNER/REPO/FILE.gguf`. */
  readonly name: string;
  /** Whether its server answers Range requests. */
  readonly ranges: boolean;
  /** The hub's SHA-256 of it, in hex, where it tells one. */
  readonly sha256: string | null;
  /** When it was stored first, in milliseconds since 1970. */
  readonly addedAt: number;
}

/** Undefined where there is none, or only a part of one. */
export async function readAbout(folder: Folder): Promise<About | undefined> {
  try {
    const file = await (await folder.getFileHandle('about.json')).getFile();
    const about: About = JSON.parse(await file.text());
    return Number.isSafeInteger(about.byteLength) && typeof about.url === 'string' ? about : undefined;
  } catch {
    return undefined;
  }
}

export async function writeAbout(folder: Folder, about: About): Promise<void> {
  const file: PrivateFile = await folder.getFileHandle('about.json', { create: true });
  const access = await file.createSyncAccessHandle({ mode: 'readwrite-unsafe' });
  try {
    access.write(new TextEncoder().encode(JSON.stringify(about)), { at: 0 });
    access.flush();
  } finally {
    access.close();
  }
}

/** A name for the file system that belongs to one URL. */
export async function keyOf(url: URL): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url.href));
  return [...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
