import type { TextStore } from '../gpu/findings_cache.ts';

/** Texts in the origin's private file system. */
export const originCache: TextStore = {
  place: 'OPFS: webgguf-cache',
  async read(name, longestBytes) {
    const file = await (await (await folder()).getFileHandle(name)).getFile();
    return file.size > longestBytes ? undefined : file.text();
  },
  async write(name, text) {
    const handle = await (await folder()).getFileHandle(name, { create: true });
    const stream = await handle.createWritable(); // another file, until it is closed
    await stream.write(text);
    await stream.close();
  },
};

async function folder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle('webgguf-cache', { create: true });
}
