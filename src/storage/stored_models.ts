import { readAbout } from './about.ts';
import { blockBytes, presentCount } from './blocks.ts';
import { StorageBusyError } from './errors.ts';
import { type Folder, holdLock, type StoragePlace, storedFolder, useLock } from './place.ts';

/** A stored file, or a part of one. */
export interface StoredModel {
  /** Names it to `removeStored`. */
  readonly key: string;
  /** As it was asked for, and as `load` takes it again: an URL, or `hf:OWNER/REPO/FILE.gguf`. */
  readonly name: string;
  /** Of the whole file. */
  readonly byteLength: number;
  /** What of it has come. */
  readonly storedBytes: number;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
}

/** All stored files, those that came last first. */
export async function listStored(place: StoragePlace): Promise<StoredModel[]> {
  const folder = await storedFolder(place);
  const models: StoredModel[] = [];
  for await (const key of folder.keys()) {
    const model = await describeStored(folder, key);
    if (model) models.push(model);
  }
  return models.sort((a, b) => b.addedAt - a.addedAt);
}

async function describeStored(parent: Folder, key: string): Promise<StoredModel | undefined> {
  const folder = await parent.getDirectoryHandle(key);
  const about = await readAbout(folder);
  if (!about) return undefined;
  const { name, byteLength, addedAt } = about;
  const table = await folder.getFileHandle('blocks', { create: true });
  const digests = new Uint8Array(await (await table.getFile()).arrayBuffer());
  const storedBytes = Math.min(byteLength, presentCount(digests, byteLength) * blockBytes);
  return { key, name, byteLength, storedBytes, addedAt };
}

/** Deletes a stored file; `StorageBusyError` where a tab has it open. */
export async function removeStored(place: StoragePlace, key: string): Promise<void> {
  const release = await holdLock(place.locks, useLock(key), { ifAvailable: true });
  if (!release) throw new StorageBusyError('storage', 'the model is in use; close it, here or in another tab, first');
  try {
    await (await storedFolder(place)).removeEntry(key, { recursive: true });
  } finally {
    release();
  }
}
