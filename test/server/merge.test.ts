/** Several generators read as one. */
import { expect, test } from 'vitest';
import { merge } from '../../src/server/merge.ts';

async function* counting(count: number, failsAt = Number.POSITIVE_INFINITY): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => setTimeout(resolve));
    if (i === failsAt) throw new Error('broken');
    yield i;
  }
}

test('all values, each source’s in order', async () => {
  const values: number[] = [];
  for await (const value of merge([counting(3), counting(5), counting(0)], expect.unreachable)) values.push(value);
  expect(values.sort()).toEqual([0, 0, 1, 1, 2, 2, 3, 4]);
});

test('one that fails ends the others, also those whose next value comes later', async () => {
  let aborted = 0;
  const late = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<number> {
    await late.promise;
    yield 1;
    yield 2;
  }
  const abort = () => {
    aborted++;
    setTimeout(late.resolve, 5); // what was under way still ends well
  };
  const values = merge([slow(), counting(5, 1), slow()], abort);
  await expect(Array.fromAsync(values)).rejects.toThrow('broken');
  expect(aborted).toBe(1);
});

test('a reader that goes ends them all', async () => {
  let aborted = 0;
  const sources = [counting(100), counting(100)];
  const values = merge(sources, () => aborted++);
  for await (const value of values) if (value === 2) break;
  expect(aborted).toBe(1);
  expect(await Promise.all(sources.map(async (source) => (await source.next()).done))).toEqual([true, true]);
});
