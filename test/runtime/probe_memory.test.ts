/** Memory that a probe finds: what can be allocated, written, and written fast. */
import { describe, expect, test, vi } from 'vitest';
import { probeMemory } from '../../src/gpu/probe_memory.ts';
import { fakeCard } from './fake_card.ts';

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
