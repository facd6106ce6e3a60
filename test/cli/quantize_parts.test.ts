import { expect, test } from 'vitest';
import { formatSeconds } from '../../src/cli/progress.ts';
import { mapAhead } from '../../src/cli/quantize/map_ahead.ts';

test('mapAhead keeps the order and its distance', async () => {
  let [running, most] = [0, 0];
  const task = async (ms: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, ms));
    running--;
    return ms;
  };
  const results: number[] = [];
  for await (const result of mapAhead([9, 1, 5, 0, 3, 2], 3, task)) results.push(result);
  expect(results).toEqual([9, 1, 5, 0, 3, 2]);
  expect(most).toBe(3);
});

test('mapAhead fails where its turn comes, and alone', async () => {
  const seen: number[] = [];
  const task = async (i: number) => {
    if (i > 1) throw new Error(`at ${i}`);
    return i;
  };
  await expect(async () => {
    for await (const result of mapAhead([0, 1, 2, 3, 4], 4, task)) seen.push(result);
  }).rejects.toThrow('at 2');
  expect(seen).toEqual([0, 1]);
});

test('times left', () => {
  expect([0.1, 8, 99, 100, 3600, 7500].map(formatSeconds)).toEqual([
    '1 s',
    '8 s',
    '99 s',
    '2 min',
    '60 min',
    '2 h 5 min',
  ]);
});
