/** What the browser keeps of models, and how much room it gives. */
import { signal } from '@preact/signals';
import { removeStored, type StoredModel, storedModels } from '../../src/runtime/browser_storage.ts';
import { showTrouble } from './trouble.ts';

export const stored = signal<readonly StoredModel[]>([]);
export const room = signal<{ usage: number; quota: number; isPersistent: boolean } | undefined>(undefined);

export async function refreshStored(): Promise<void> {
  try {
    stored.value = await storedModels();
    const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
    room.value = { usage, quota, isPersistent: (await navigator.storage?.persisted?.()) ?? false };
  } catch {
    stored.value = []; // a private window has no storage
  }
}

export async function deleteStored(key: string): Promise<void> {
  await removeStored(key).catch((error) => showTrouble(error));
  await refreshStored();
}

export async function askToPersist(): Promise<void> {
  await navigator.storage?.persist?.();
  await refreshStored();
}
