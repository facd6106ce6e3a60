import { expect, test } from 'vitest';
import { probeMemory } from '../../src/gpu/probe_memory.ts';
import { openTestDevice } from './adapter.ts';

const mib = 2 ** 20;

test('this adapter holds 64 MiB, and has them back', async () => {
  const device = await openTestDevice();
  expect(await probeMemory(device, { wantedBytes: 64 * mib, pieceBytes: 16 * mib })).toBe(64 * mib);
  device.check();
});
