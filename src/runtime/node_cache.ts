import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TextStore } from '../gpu/findings_cache.ts';
import { cacheFolder } from './cache_folder.ts';

/** Texts in the user's cache folder. */
export function nodeCache(): TextStore | undefined {
  const folder = cacheFolder((name) => process.env[name], process.platform);
  if (folder === undefined) return undefined;
  return {
    place: folder,
    async read(name, longestBytes) {
      const path = join(folder, name);
      const { size } = await stat(path);
      return size > longestBytes ? undefined : readFile(path, 'utf8');
    },
    async write(name, text) {
      await mkdir(folder, { recursive: true });
      const temporary = join(folder, `${name}.${process.pid}.${crypto.randomUUID()}.part`);
      try {
        await writeFile(temporary, text, { flag: 'wx' });
        await rename(temporary, join(folder, name));
      } finally {
        await rm(temporary, { force: true });
      }
    },
  };
}
