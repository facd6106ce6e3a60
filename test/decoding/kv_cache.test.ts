/** Pages: who holds which, what they hold, and that none is lost. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../kernels/case_data.ts';
import { pageLength } from '../../kernels/parts/kv.ts';
import { ContextFullError, KvCache } from '../../src/decoding/kv_cache.ts';
import { Sequences } from '../../src/decoding/sequences.ts';
import { type FakeBuffer, fakeConfig, fakeDevice } from './fake_device.ts';

const [page, byteLength] = [pageLength, pageLength * 4];

async function create(pages: number, sequences = 3) {
  const device = fakeDevice();
  const kv = await KvCache.create(device, fakeConfig, { type: 'f32', sequences, contextLength: pages * page });
  const keys = () => (kv.layers[0]![0]!.keys as unknown as { buffer: FakeBuffer }).buffer.floats;
  return {
    device,
    kv,
    async write(sequence: number, start: number, end: number, value: (position: number) => number) {
      if (!kv.isReserved(sequence, start, end)) await kv.reserve(sequence, start, end);
      expect(kv.isReserved(sequence, start, end)).toBe(true);
      for (let position = start; position < end; position++) keys()[kv.slot(sequence, position)] = value(position);
    },
    read: (sequence: number, position: number) => keys()[kv.slot(sequence, position)]!,
    pagesOf: (sequence: number, length: number) =>
      Array.from({ length: Math.ceil(length / page) }, (_, i) => kv.slot(sequence, i * page) / page),
  };
}

describe('room', () => {
  test('pages come as positions do, and one sequence alone gets them in order', async () => {
    const { kv, pagesOf } = await create(4);
    expect(kv.isReserved(0, 0, 1)).toBe(false);
    await kv.reserve(0, 0, page + 1);
    expect([kv.isReserved(0, 0, 2 * page), kv.isReserved(0, page, 2 * page + 1)]).toEqual([true, false]);
    expect(pagesOf(0, 2 * page)).toEqual([0, 1]);
    expect([...kv.pageTable.subarray(0, 2)]).toEqual([0, 1]);
    expect(kv.slot(0, page + 5)).toBe(page + 5);
  });

  test('buffers double up to the context; what they held has moved along', async () => {
    const { kv, device, write, read } = await create(10);
    const counts = [kv.pageCount];
    for (let i = 0; i < 10; i++) {
      await write(0, i * page, (i + 1) * page, (position) => position);
      counts.push(kv.pageCount);
    }
    expect(counts).toEqual([4, 4, 4, 4, 4, 8, 8, 8, 8, 10, 10]);
    expect(kv.generation).toBe(2);
    expect(kv.byteLength).toBe(10 * page * 8);
    for (let position = 0; position < 10 * page; position++) expect(read(0, position)).toBe(position);
    expect(device.buffers.filter(({ isDestroyed }) => !isDestroyed)).toHaveLength(2);
  });

  test('a long prompt at once grows to it at once', async () => {
    const { kv } = await create(30);
    await kv.reserve(0, 0, 11 * page);
    expect([kv.pageCount, kv.generation]).toEqual([11, 1]);
  });

  test('the context is full: in one line, and what was there stays', async () => {
    const { kv, write, read } = await create(2);
    await write(0, 0, page, () => 7);
    await expect(kv.reserve(1, 0, page + 1)).rejects.toThrow(ContextFullError);
    await expect(kv.reserve(0, page, 2 * page + 1)).rejects.toThrow(
      'the context holds 512 positions, and 513 are wanted',
    );
    expect(read(0, 3)).toBe(7);
    await kv.reserve(0, page, 2 * page);
  });

  test('others are asked to make room when the cache may grow no more, as often as it takes', async () => {
    const { kv } = await create(2);
    await kv.reserve(0, 0, 1);
    await kv.reserve(1, 0, 1);
    const asked: number[] = [];
    kv.makeRoom = () => {
      const sequence = asked.length;
      asked.push(sequence);
      kv.truncate(sequence, 0);
      return true;
    };
    await kv.reserve(2, 0, 2 * page);
    expect(asked).toEqual([0, 1]);
  });
});

describe('sharing', () => {
  test('a fork takes no room, and holds what the other held', async () => {
    const { kv, device, write, read, pagesOf } = await create(2);
    await write(0, 0, 2 * page, (position) => position);
    const { version } = kv;
    kv.fork(0, 1, page + 3);
    expect(pagesOf(1, 2 * page)).toEqual(pagesOf(0, 2 * page));
    expect(kv.pageTable.subarray(2, 4)).toEqual(kv.pageTable.subarray(0, 2));
    expect(kv.version).toBeGreaterThan(version);
    expect(read(1, page + 2)).toBe(page + 2);
    expect(device.copiedBytes).toBe(0);
  });

  test('who writes into a shared page gets a copy; the whole pages before it stay shared', async () => {
    const { kv, device, write, read, pagesOf } = await create(4);
    await write(0, 0, 2 * page, (position) => position);
    kv.fork(0, 1, page + 3);
    await write(1, page + 3, page + 4, () => -1);
    expect(device.copiedBytes).toBe(2 * 2 * byteLength); // keys and values, by way of the scratch
    expect(pagesOf(0, 2 * page)).toEqual([0, 1]);
    expect(pagesOf(1, 2 * page)).toEqual([0, 2]);
    expect([page + 2, page + 3].map((position) => [read(0, position), read(1, position)])).toEqual([
      [page + 2, page + 2],
      [page + 3, -1],
    ]);
  });

  test('also where the one that writes was there first; the other then writes into what it has alone', async () => {
    const { kv, device, write, read } = await create(4);
    await write(0, 0, 10, (position) => position);
    kv.fork(0, 1, 10);
    await write(0, 10, 11, () => -1);
    const { copiedBytes } = device;
    expect(copiedBytes).toBeGreaterThan(0);
    await write(1, 10, 11, () => -2);
    expect(device.copiedBytes).toBe(copiedBytes);
    expect([read(0, 9), read(1, 9), read(0, 10), read(1, 10)]).toEqual([9, 9, -1, -2]);
  });

  test('a page goes when its last holder does', async () => {
    const { kv, write, read } = await create(1);
    await write(0, 0, 5, () => 3);
    kv.fork(0, 1, 5);
    kv.truncate(0, 0);
    await expect(kv.reserve(2, 0, 1)).rejects.toThrow(ContextFullError);
    expect(read(1, 4)).toBe(3);
    kv.truncate(1, 0);
    await kv.reserve(2, 0, 1);
  });

  test('a fork of itself, and over what the other held', async () => {
    const { kv, write, read } = await create(3);
    await write(0, 0, page + 1, (position) => position);
    await write(1, 0, 5, () => 9);
    kv.fork(0, 1, 2);
    expect(read(1, 1)).toBe(1);
    kv.fork(0, 0, 2);
    await kv.reserve(2, 0, 2 * page); // all but the one page that is shared
  });

  test('a prompt that fills the context, and begins like an older one: that one makes room', async () => {
    const { kv, write, read } = await create(4, 2);
    const sequences = new Sequences(2);
    kv.makeRoom = () => sequences.evict(kv);
    const tokens = Array.from({ length: 4 * page }, (_, i) => i);
    const first = sequences.take(tokens, kv);
    await write(first.sequence, 0, 4 * page, (position) => position);
    sequences.release(first.sequence, tokens, kv);
    const second = sequences.take([...tokens.slice(0, 10), ...tokens.slice(11), 0], kv);
    expect(second.reused).toBe(10);
    await write(second.sequence, 10, 4 * page, () => -1);
    expect([read(second.sequence, 9), read(second.sequence, 10)]).toEqual([9, -1]);
  });
});

test('random work, against a model that copies everything: contents stay, and no page is lost', async () => {
  const [pages, sequences] = [12, 4];
  for (let seed = 0; seed < 12; seed++) {
    const random = new Random(seed);
    const { kv, write, read, pagesOf } = await create(pages, sequences);
    const held: number[][] = Array.from({ length: sequences }, () => []);
    let written = 0;
    for (let round = 0; round < 120; round++) {
      const [one, other] = [random.below(sequences), random.below(sequences)];
      const mine = held[one]!;
      const kind = random.below(4);
      if (kind < 2) {
        const count = 1 + random.below(kind === 0 ? 20 : 3 * page);
        try {
          await write(one, mine.length, mine.length + count, () => ++written);
          for (let i = count - 1; i >= 0; i--) mine.push(written - i);
        } catch (error) {
          expect(error).toBeInstanceOf(ContextFullError);
        }
      } else if (kind === 2) {
        mine.length = random.below(mine.length + 1);
        kv.truncate(one, mine.length);
      } else if (one !== other) {
        held[other] = mine.slice(0, random.below(mine.length + 1));
        kv.fork(one, other, held[other].length);
      }
      const wrong = held.flatMap((values, sequence) =>
        values.flatMap((value, position) => (read(sequence, position) === value ? [] : [{ sequence, position }])),
      );
      expect(wrong).toEqual([]);
      const table = held.flatMap(({ length }, sequence) =>
        pagesOf(sequence, length).map((each, i) => each === kv.pageTable[sequence * pages + i]),
      );
      expect(table).not.toContain(false);
    }
    for (let sequence = 0; sequence < sequences; sequence++) kv.truncate(sequence, 0);
    await kv.reserve(0, 0, pages * page); // all of them are there
    expect(new Set(pagesOf(0, pages * page)).size).toBe(pages);
  }
});
