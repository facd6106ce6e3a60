import { describe, expect, test } from 'vitest';
import { GgufError } from '../../src/gguf/errors.ts';
import type { Piece } from '../../src/weights/piece.ts';
import type { Filled } from '../../src/weights/staging.ts';
import { type StreamLane, TileStream } from '../../src/weights/stream.ts';

interface FakeOptions {
  tiles?: number;
  slots?: number;
  lanes?: number;
  piecesPerTile?: number;
  seed?: number;
  /** Called before each read; what it throws is the read's fault. */
  onRead?: (piece: Piece, signal: AbortSignal | undefined) => unknown;
}

/** A stream over lanes that take random times and write pieces' numbers into slots, as the GPU would: in order of submits. */
function fakeStream({ tiles = 7, slots = 3, lanes = 3, piecesPerTile = 2, seed = 1, onRead }: FakeOptions = {}) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  const streamed = Array.from({ length: tiles }, (_, k) => ({
    tile: { resident: false },
    pieces: Array.from(
      { length: piecesPerTile },
      (_, p) => ({ offset: k * piecesPerTile + p, byteLength: 10 }) as Piece,
    ),
  }));
  const slotOf = (piece: Piece) => Math.floor(piece.offset / piecesPerTile) % slots;
  const held: (number | undefined)[][] = Array.from({ length: slots }, () => new Array(piecesPerTile));
  const reads: number[] = [];
  let filling = 0;
  const lane = (): StreamLane => ({
    async prepare() {
      if (random() < 0.2) await later(random() * 2);
    },
    async fill(piece, signal) {
      filling++;
      try {
        await onRead?.(piece, signal);
        await later(random() * 3);
        reads.push(piece.offset);
        return { piece } as Filled;
      } finally {
        filling--;
      }
    },
    submit({ piece }) {
      const slot = held[slotOf(piece)] as (number | undefined)[];
      slot[piece.offset % piecesPerTile] = piece.offset;
    },
  });
  const device = {
    check: () => undefined,
    unlessLost: <T>(work: Promise<T>) => work,
    gpu: { queue: { onSubmittedWorkDone: async () => undefined } } as unknown as GPUDevice,
  };
  const cache = { get: () => undefined, fill: async () => undefined };
  const laneList = Array.from({ length: lanes }, lane);
  const stream = new TileStream(device, streamed, slots, laneList, cache);
  return {
    stream,
    reads,
    random,
    isFilling: () => filling > 0,
    /** Waits for tile k and checks that its slot holds all of it. */
    async use(k: number) {
      const { tile, pieces } = streamed[k]!;
      await stream.acquire([tile]);
      expect(held[k % slots]).toEqual(pieces.map(({ offset }) => offset));
      stream.release([tile]);
    },
  };
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each([
  { tiles: 7, slots: 3, lanes: 3, piecesPerTile: 2 },
  { tiles: 5, slots: 2, lanes: 4, piecesPerTile: 1 },
  { tiles: 3, slots: 2, lanes: 1, piecesPerTile: 3 },
  { tiles: 4, slots: 4, lanes: 2, piecesPerTile: 2 },
  { tiles: 1, slots: 1, lanes: 4, piecesPerTile: 5 },
])('$tiles tiles of $piecesPerTile pieces in $slots slots by $lanes lanes', (shape) => {
  test('pass after pass, each tile is whole when it is used', async () => {
    const { stream, use } = fakeStream(shape);
    for (let pass = 0; pass < 5; pass++) {
      for (let k = 0; k < shape.tiles; k++) await use(k);
    }
    await stream.close();
  });

  test('passes may leave tiles out, in the middle or at the end', async () => {
    const { stream, use, random } = fakeStream({ ...shape, seed: 5 });
    for (let pass = 0; pass < 12; pass++) {
      for (let k = 0; k < shape.tiles; k++) if (random() < 0.6) await use(k);
    }
    await stream.close();
  });

  test('a pass that is given up anywhere is begun anew', async () => {
    const { stream, use } = fakeStream(shape);
    for (let end = 0; end < shape.tiles; end++) {
      for (let k = 0; k <= end; k++) await use(k);
    }
    await stream.close();
  });

  test('closing in the middle of reads waits for them, and who waits for a tile hears of it', async () => {
    const { stream, use, isFilling } = fakeStream(shape);
    const waiting = use(0);
    await Promise.all([stream.close(), expect(waiting).rejects.toThrow('the model is closed')]);
    expect(isFilling()).toBe(false);
    await expect(use(0)).rejects.toThrow('the model is closed');
  });
});

test('tiles of the next pass come while nobody asks', async () => {
  const { stream, use, reads } = fakeStream({ tiles: 6, slots: 3, lanes: 2, piecesPerTile: 1 });
  for (let k = 0; k < 6; k++) await use(k);
  await later(60);
  expect(reads.slice(6)).toEqual(expect.arrayContaining([0, 1, 2]));
  expect(reads.length).toBeLessThanOrEqual(6 + 3 + 2); // slots, and what lanes hold
  await stream.close();
});

test('a read that fails now and then is repeated', async () => {
  const failed = new Set<number>();
  const { stream, use } = fakeStream({
    onRead({ offset }) {
      if (offset % 3 > 0 || failed.has(offset)) return;
      failed.add(offset);
      throw new Error('EIO: i/o error, read');
    },
  });
  for (let k = 0; k < 7; k++) await use(k);
  expect(failed.size).toBeGreaterThan(2);
  await stream.close();
});

test('a read that keeps failing is one error; the next pass tries again', async () => {
  let isBroken = true;
  let tries = 0;
  const { stream, use } = fakeStream({
    onRead({ offset }) {
      if (offset !== 6 || !isBroken) return;
      tries++;
      throw new Error('EIO: i/o error, read');
    },
  });
  for (let k = 0; k < 3; k++) await use(k);
  await expect(use(3)).rejects.toThrow('EIO');
  expect(tries).toBeGreaterThanOrEqual(3);
  isBroken = false;
  for (let pass = 0; pass < 2; pass++) for (let k = 0; k < 7; k++) await use(k);
  await stream.close();
});

test('what a source has judged is not asked again', async () => {
  let tries = 0;
  const { stream, use } = fakeStream({
    onRead({ offset }) {
      if (offset !== 2) return;
      tries++;
      throw new GgufError('m.gguf', 'ends at byte 77; it was cut while it was read');
    },
  });
  await use(0);
  await expect(use(1)).rejects.toThrow('m.gguf: ends at byte 77');
  expect([1, 2]).toContain(tries); // when it was asked for, and before where the lane was ahead
  await stream.close();
});

test('closing ends a read that hangs', async () => {
  const { stream, use } = fakeStream({
    onRead({ offset }, signal) {
      if (offset !== 4) return;
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  await use(0);
  await use(1);
  const hanging = use(2);
  await later(20);
  await Promise.all([stream.close(), expect(hanging).rejects.toThrow('the model is closed')]);
});

test('bytes and waiting are counted', async () => {
  const { stream, use } = fakeStream({ tiles: 4, slots: 2, piecesPerTile: 2 });
  expect(stream.bytesPerPass).toBe(80);
  for (let k = 0; k < 4; k++) await use(k);
  expect(stream.counts.bytes).toBeGreaterThanOrEqual(80);
  expect(stream.counts.waitSeconds).toBeGreaterThan(0);
  await stream.close();
});
