import type { TextStore } from '../gpu/findings_cache.ts';
import { cacheFolder } from './cache_folder.ts';

/** Texts in the user's cache folder, where the program may use it; nobody is asked for a permission. */
export function denoCache(): TextStore | undefined {
  const { state } = Deno.permissions.querySync({ name: 'env' });
  const folder = state === 'granted' ? cacheFolder((name) => Deno.env.get(name), Deno.build.os) : undefined;
  if (folder === undefined) return undefined;
  const isAllowed = (name: 'read' | 'write') => Deno.permissions.querySync({ name, path: folder }).state === 'granted';
  if (!isAllowed('read') || !isAllowed('write')) return undefined;
  return {
    place: folder,
    async read(name, longestBytes) {
      const { size } = await Deno.stat(`${folder}/${name}`);
      return size > longestBytes ? undefined : Deno.readTextFile(`${folder}/${name}`);
    },
    async write(name, text) {
      await Deno.mkdir(folder, { recursive: true });
      const temporary = `${folder}/${name}.${crypto.randomUUID()}.part`;
      try {
        await Deno.writeTextFile(temporary, text, { createNew: true });
        await Deno.rename(temporary, `${folder}/${name}`);
      } catch (error) {
        await Deno.remove(temporary);
        throw error;
      }
    },
  };
}
