/** Files of a folder that sequences are saved to. */
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openFile } from '../runtime/node_file.ts';
import type { SlotStore } from '../server/index.ts';

export function slotFiles(folder: string): SlotStore {
  return {
    async save(name, fill) {
      const path = join(folder, name);
      const draft = join(folder, `.${name}.${crypto.randomUUID()}`); // beside it, to become it in one step
      let bytes = 0;
      try {
        const file = await open(draft, 'wx', 0o600); // what it holds is what somebody has said
        try {
          await fill(async (some) => {
            bytes += some.length;
            await file.writeFile(some);
          });
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
        return bytes;
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },

    async open(name) {
      try {
        return await openFile(join(folder, name));
      } catch {
        return undefined; // not there, or nothing that could be read
      }
    },
  };
}
