/** Memory that a probe finds: what can be allocated, written, and written fast. */
import { describe, expect, test, vi } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { probeMemory } from '../../src/gpu/probe_memory.ts';

vi.stubGlobal('GPUBufferUsage', { STORAGE: 128, COPY_SRC: 4, COPY_DST: 8 });
vi.stubGlobal('GPUOutOfMemoryError', class extends Error {});

const [mib, gib] = [2 ** 20, 2 ** 30];

describe('a card', () => {
  test.each([
    ['holds all that is wanted', { capacity: 24 * gib, refuses: 30 * gib }, 12 * gib, 12 * gib],
    ['says where its memory ends', { capacity: 8 * gib, refuses: 8 * gib }, 43 * gib, 8 * gib],
    [
      'promises what is not there: what it gives instead is slow',
      { capacity: 8 * gib, refuses: 80 * gib },
      43 * gib,
      8 * gib,
    ],
    ['has less than one piece', { capacity: 100 * mib, refuses: 100 * mib }, gib, 0],
  ])('%s', async (_, card, wantedBytes, found) => {
    const { device, live } = fakeCard(card);
    expect(await probeMemory(device, { wantedBytes })).toBe(found);
    expect(live.size).toBe(0);
    vi.useRealTimers();
  });

  test('that is slow is probed until the time is up, and what held until then counts', async () => {
    const { device, live } = fakeCard({ capacity: 80 * gib, refuses: 80 * gib, bytesPerMs: gib / 100 });
    const start = performance.now();
    const found = await probeMemory(device, { wantedBytes: 43 * gib, limitMs: 1000 });
    expect(performance.now() - start).toBeLessThan(1500);
    expect(found).toBeGreaterThan(gib);
    expect(found).toBeLessThan(10 * gib);
    expect(live.size).toBe(0);
    vi.useRealTimers();
  });

  test('whose allocation fails for another reason is not taken for one that is full', async () => {
    const { device, live } = fakeCard({ capacity: gib, refuses: gib, refusal: new Error('of another kind') });
    await expect(probeMemory(device, { wantedBytes: 2 * gib })).rejects.toThrow('of another kind');
    expect(live.size).toBe(0);
    vi.useRealTimers();
  });
});

interface Card {
  /** What is written fast. */
  readonly capacity: number;
  /** What is refused, beyond it. */
  readonly refuses: number;
  readonly bytesPerMs?: number;
  readonly refusal?: Error;
}

/** Beyond its capacity, all of it is written at a tenth of the rate. Time passes by writing alone. */
function fakeCard({ capacity, refuses, bytesPerMs = gib / 2, refusal }: Card) {
  vi.useFakeTimers({ toFake: ['performance'] });
  const live = new Set<{ size: number }>();
  const bytes = () => [...live].reduce((sum, { size }) => sum + size, 0);
  let error: unknown = null;
  let written = 0;
  const gpu = {
    pushErrorScope: () => undefined,
    popErrorScope: async () => {
      const popped = error;
      error = null;
      return popped;
    },
    createBuffer({ size }: { size: number }) {
      const buffer = { size, destroy: () => live.delete(buffer) };
      if (bytes() + size > refuses) error = refusal ?? new GPUOutOfMemoryError('no more');
      else live.add(buffer);
      return buffer;
    },
    createCommandEncoder: () => ({
      clearBuffer: ({ size }: { size: number }) => void (written += size),
      finish: () => 0,
    }),
    queue: {
      submit: () => undefined,
      async onSubmittedWorkDone() {
        vi.advanceTimersByTime(written / (bytes() > capacity ? bytesPerMs / 10 : bytesPerMs));
        written = 0;
      },
    },
  };
  const unlessLost = <T>(work: Promise<T>) => work;
  return { device: { gpu, unlessLost, limits: { maxBufferSize: 2 ** 32 } } as unknown as Device, live };
}
