/** Models that the page fetches and keeps: broken off, damaged, shared by tabs, too large, without a network. */
import { afterAll, beforeEach, expect, test } from 'vitest';
import { blockBytes } from '../../src/storage/blocks.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { serveModels } from './model_server.ts';
import { openSite } from './site.ts';
import type { Visitor } from './visitor.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());
/** 13 blocks and a part of one, of which a look at the header brings four. */
const bytes = await randomGgufBytes({ ...fixtures.alia, vocabLength: 24_000, poolBytes: 2 ** 20 });
const blockCount = Math.ceil(bytes.length / blockBytes);
const slow = 4_000_000;
const server = await serveModels({
  'fast.gguf': { bytes },
  'slow.gguf': { bytes, bytesPerSecond: slow },
  'whole.gguf': { bytes, ranges: false },
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => void server.asked.splice(0));

const askedBytes = () => server.asked.reduce((sum, [first, end]) => sum + end - first, 0);

/** A few greedy tokens. */
async function greedyText(visitor: Visitor): Promise<string> {
  await visitor.set('temperature', 0);
  await visitor.set('maxTokens', 8);
  return visitor.answerTo('hola');
}
const expected = await (async () => {
  const visitor = await site.visit();
  await visitor.openLink(`${server.url}/fast.gguf`);
  await visitor.load();
  const text = await greedyText(visitor);
  await visitor.close();
  return text;
})();

async function answersAndLeaves(visitor: Visitor): Promise<void> {
  expect(await greedyText(visitor)).toBe(expected);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
}

/** Which blocks the page's storage holds, by the table that it keeps. */
function storedBlocks({ page }: Visitor): Promise<boolean[]> {
  return page.evaluate(async (count) => {
    try {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('webgguf');
      const [folder] = await Array.fromAsync(root.values());
      const file = await (await (folder as FileSystemDirectoryHandle).getFileHandle('blocks')).getFile();
      const digests = new Uint8Array(await file.arrayBuffer());
      return Array.from({ length: count }, (_, i) => digests.subarray(32 * i, 32 * i + 32).some((byte) => byte !== 0));
    } catch {
      return []; // not yet
    }
  }, blockCount);
}

/** Of the blocks that are not there. */
function missingBytes(stored: readonly boolean[]): number {
  const lengths = Array.from({ length: blockCount }, (_, i) => Math.min(blockBytes, bytes.length - i * blockBytes));
  return lengths.reduce((sum, length, i) => sum + (stored[i] ? 0 : length), 0);
}

test('a download that is cancelled, then cut by leaving the page, goes on with the bytes that are missing', async () => {
  const visitor = await site.visit();
  await visitor.openLink(`${server.url}/slow.gguf`);
  expect(await visitor.text('#load')).toMatch(/^Download 14 MB and load$/);
  await visitor.click('#load');
  await visitor.until('some blocks', async () => (await storedBlocks(visitor)).filter(Boolean).length >= 6);
  expect(await visitor.text('#loading-numbers')).toMatch(/^[\d.]+ MB of 14 MB/);
  await visitor.click('#cancel');
  expect(await visitor.text('#load')).toMatch(/^Fetch the missing \d+(\.\d)? MB and load$/);
  const cancelled = await storedBlocks(visitor);
  expect(missingBytes(cancelled)).toBeLessThan(bytes.length - 5 * blockBytes);

  server.asked.length = 0;
  await visitor.click('#load');
  await visitor.until('more blocks', async () => {
    return (await storedBlocks(visitor)).filter(Boolean).length > cancelled.filter(Boolean).length;
  });
  expect(server.asked[0]![0]).toBe(cancelled.indexOf(false) * blockBytes);
  await visitor.reload();
  const left = await storedBlocks(visitor);
  expect(missingBytes(left)).toBeGreaterThan(0);

  server.asked.length = 0;
  expect(await visitor.text('.list li')).toMatch(/^slow\.gguf[\d.]+ MB of 14 MBResume$/);
  await visitor.openStored();
  await visitor.load();
  expect(askedBytes()).toBe(missingBytes(left));
  await answersAndLeaves(visitor);
});

test('a flipped byte in storage is found and its block fetched again; then nothing is', async () => {
  const visitor = await site.visit();
  await visitor.openLink(`${server.url}/fast.gguf`);
  await visitor.load();
  await visitor.reload();
  const at = 9 * blockBytes + 12_345;
  await visitor.page.evaluate(async (position) => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('webgguf');
    for await (const folder of root.values()) {
      const handle = await (folder as FileSystemDirectoryHandle).getFileHandle('data');
      const [byte] = new Uint8Array(await (await handle.getFile()).slice(position, position + 1).arrayBuffer());
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position, data: new Uint8Array([byte! ^ 1]) });
      await writable.close();
    }
  }, at);
  server.asked.length = 0;
  await visitor.openStored();
  await visitor.load();
  expect(await visitor.text('.notice[data-kind="repaired"]')).toMatch(/^A part of the stored copy was damaged/);
  expect(server.asked).toEqual([[9 * blockBytes, 10 * blockBytes]]);
  expect(await greedyText(visitor)).toBe(expected);

  server.asked.length = 0;
  await visitor.reload();
  await visitor.openStored();
  await visitor.load();
  expect(server.asked).toEqual([]);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('a server without Range: told, stored as a whole, and not asked again', async () => {
  const visitor = await site.visit();
  await visitor.openLink(`${server.url}/whole.gguf`);
  await visitor.load();
  expect(await visitor.text('.notice[data-kind="noRange"]')).toMatch(/^This server sends files only as a whole/);
  expect(await greedyText(visitor)).toBe(expected);
  server.asked.length = 0;
  await visitor.reload();
  await visitor.openStored();
  await visitor.load();
  expect(server.asked).toEqual([]);
  await answersAndLeaves(visitor);
});

test('two tabs at once: one fetches, the other waits, both answer; what one has open the other does not delete', async () => {
  const first = await site.visit();
  const second = await site.visitBeside(first);
  const link = `${server.url}/slow.gguf`;
  await first.openLink(link);
  await second.openLink(link);
  server.asked.length = 0;
  await first.click('#load');
  await second.click('#load');
  expect(await second.text('.notice[data-kind="waiting"]')).toMatch(/^Another tab is fetching this model/);
  await Promise.all([first.see('#question'), second.see('#question')]);
  const beginning = Math.max(...server.asked.filter(([from]) => from === 0).map(([, end]) => end));
  const rest = server.asked.filter(([from]) => from > 0).reduce((sum, [from, end]) => sum + end - from, 0);
  expect(rest).toBe(bytes.length - beginning);
  expect(await greedyText(first)).toBe(expected);
  expect(await greedyText(second)).toBe(expected);

  await first.reload();
  await first.click('#show-storage');
  await first.click('[aria-label="Delete slow.gguf"]');
  expect(await first.text('.trouble[data-kind="busy"] strong')).toBe('Another tab has this model open');
  await second.click('#close');
  await first.click('[aria-label="Delete slow.gguf"]');
  await first.until('it is gone', async () => (await first.texts('#stored li')).length === 0);
  expect([...first.errors, ...second.errors]).toEqual([]);
  await first.close();
  await second.close();
});

// that Chromium tells of less room than a file needs cannot be had: what it estimates is not what it gives
test('room that runs out on the way is told; what came is whole, and stays', async () => {
  const visitor = await site.visit();
  const quota = await visitor.page.createCDPSession();
  const origin = new URL(visitor.page.url()).origin;
  await quota.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 8_000_000 });
  await visitor.openLink(`${server.url}/slow.gguf`);
  await visitor.click('#load');
  expect(await visitor.text('.trouble[data-kind="storageFull"] strong')).toBe('There is no room to keep the model');
  expect(await visitor.text('.trouble code')).toMatch(/: the storage is full; make room on the disk or delete/);
  const left = await storedBlocks(visitor);
  expect(missingBytes(left)).toBeGreaterThan(bytes.length - 8_000_000);

  await quota.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 100_000_000 });
  server.asked.length = 0;
  await visitor.click('.trouble ::-p-text(Try again)');
  await visitor.see('#question');
  expect(askedBytes()).toBe(missingBytes(left));
  await answersAndLeaves(visitor);
});

test('a server that breaks off, has no such file, wants a login: each is told, with a way on', async () => {
  const visitor = await site.visit();
  server.files.set('gated.gguf', { bytes, status: 401 });
  for (const [name, kind] of [
    ['nowhere.gguf', 'notFound'],
    ['gated.gguf', 'gated'],
  ]) {
    await visitor.write('#link', `${server.url}/${name}`);
    await visitor.click('#open');
    await visitor.see(`.trouble[data-kind="${kind}"]`);
    expect(await visitor.text('.trouble code')).toMatch(new RegExp(`^http.*${name}: [^\\n]*$`));
  }
  server.files.set('later.gguf', { bytes });
  await visitor.write('#link', `${server.url}/later.gguf`);
  await visitor.click('#open');
  await visitor.see('#load');
  await visitor.close();
});

test('a reload without any network goes on with the stored model, and the chat', async () => {
  const own = await openSite();
  const models = await serveModels({ 'model.gguf': { bytes } });
  const visitor = await own.visit();
  await visitor.openLink(`${models.url}/model.gguf`);
  await visitor.load();
  expect(await greedyText(visitor)).toBe(expected);
  await visitor.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await own.cutOff();
  await models[Symbol.asyncDispose]();

  await visitor.reload();
  await visitor.openStored();
  await visitor.load();
  await visitor.click('#show-chats');
  await visitor.click('.chats li button');
  expect(await visitor.texts('.answer .markdown')).toEqual([expected]);
  await visitor.click('#show-chats');
  await visitor.click('#new-chat');
  expect(await greedyText(visitor)).toBe(expected);
  expect(visitor.errors).toEqual([]);
  await own[Symbol.asyncDispose]();
});
