import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { slotFiles } from '../../src/cli/slot_files.ts';
import { SequenceBusyError, SnapshotError } from '../../src/index.ts';
import { fakeServer } from './client.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webgguf-slots-'));
});
afterEach(() => rm(folder, { recursive: true }));

function slotServer() {
  const server = fakeServer({ slotStore: slotFiles(folder) });
  Object.assign(server.llm, {
    async saveSequence(sequence: number, write: (bytes: Uint8Array) => Promise<void>) {
      if (sequence === 1) throw new SequenceBusyError('in use');
      await write(new Uint8Array(3));
      await write(new Uint8Array(2));
      return { tokens: 5 };
    },
    async restoreSequence(_: number, saved: { byteLength: number }) {
      if (saved.byteLength !== 5) throw new SnapshotError('it is too short');
      return { tokens: 5 };
    },
    eraseSequence: async () => ({ tokens: 4 }),
  });
  return server;
}

test('save, restore, erase', async () => {
  const { ask, app } = slotServer();
  expect(await ask('/slots/0?action=save', { filename: 'a.kv' })).toEqual({
    id_slot: 0,
    filename: 'a.kv',
    n_saved: 5,
    n_written: 5,
    timings: { save_ms: expect.any(Number) },
  });
  expect(await readdir(folder)).toEqual(['a.kv']);
  expect(await ask('/slots/1?action=restore', { filename: 'a.kv' })).toMatchObject({ n_restored: 5, n_read: 5 });
  const erased = await app.request('/slots/0?action=erase', { method: 'POST' });
  expect(await erased.json()).toEqual({ id_slot: 0, n_erased: 4 });
});

describe('refused', () => {
  test.each([
    ['/slots/9?action=save', { filename: 'a' }, 400],
    ['/slots/x?action=save', { filename: 'a' }, 400],
    ['/slots/0?action=destroy', { filename: 'a' }, 400],
    ['/slots/0', { filename: 'a' }, 400],
    ['/slots/0?action=save', {}, 400],
    ['/slots/0?action=save', { filename: '../a' }, 400],
    ['/slots/0?action=save', { filename: '.a' }, 400],
    ['/slots/0?action=save', { filename: 'a/b' }, 400],
    ['/slots/0?action=save', { filename: 'a\u0000b' }, 400],
    ['/slots/0?action=restore', { filename: 'nothing' }, 404],
    ['/slots/1?action=save', { filename: 'a' }, 503],
  ])('%s %j: %i, and nothing is left', async (path, body, status) => {
    const { refused } = slotServer();
    expect(await refused(path, body)).toMatchObject({ status });
    expect(await readdir(folder)).toEqual([]);
  });

  test('a file that is none, and a server that saves nothing', async () => {
    const { refused, ask, llm } = slotServer();
    await ask('/slots/0?action=save', { filename: 'a' });
    Object.assign(llm, { restoreSequence: () => Promise.reject(new SnapshotError('it is of another model')) });
    const told = await refused('/slots/0?action=restore', { filename: 'a' });
    expect(told).toMatchObject({ status: 400, message: 'the file: it is of another model', param: 'filename' });
    expect(await fakeServer().refused('/slots/0?action=save', { filename: 'a' })).toMatchObject({ status: 501 });
  });
});
