/** The origin's private file system (OPFS), where models that were fetched are kept. */

import type { StoragePlace } from '../storage/place.ts';
import { listStored, removeStored as remove, type StoredModel } from '../storage/stored_models.ts';

export type { StoredModel };

/** Undefined where the browser has none, as on a page that is not from https or localhost. */
export function browserStorage(): StoragePlace | undefined {
  const { storage, locks } = navigator;
  if (typeof storage?.getDirectory !== 'function' || !locks) return undefined;
  return {
    root: () => storage.getDirectory() as unknown as ReturnType<StoragePlace['root']>,
    locks: locks as StoragePlace['locks'],
    estimate: () => storage.estimate(),
    persist: async () => (await storage.persist?.()) ?? false, // workers of some browsers have none
  };
}

/** For opening files to write, which workers alone may do. */
export function workerStorage(): StoragePlace | undefined {
  return 'document' in globalThis ? undefined : browserStorage();
}

/** The models that `load` has stored (`store`), whole or in part; those that came last first. */
export async function storedModels(): Promise<StoredModel[]> {
  const place = browserStorage();
  return place ? listStored(place) : [];
}

/** Deletes a stored model by its key; `StorageBusyError` where it is in use, in this tab or another. */
export async function removeStored(key: string): Promise<void> {
  const place = browserStorage();
  if (place) await remove(place, key);
}
