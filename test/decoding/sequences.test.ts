/** Which sequence a prompt gets, and what the others go on holding. */
import { describe, expect, test } from 'vitest';
import type { KvCache } from '../../src/decoding/kv_cache.ts';
import { Sequences } from '../../src/decoding/sequences.ts';

/** A cache that writes down what it is asked. */
function setUp(count: number, ...held: (readonly number[])[]) {
  const asked: string[] = [];
  const kv = {
    truncate: (sequence: number, length: number) => asked.push(`truncate ${sequence} to ${length}`),
    fork: (from: number, to: number, length: number) => asked.push(`fork ${length} of ${from} to ${to}`),
  } as unknown as KvCache;
  const sequences = new Sequences(count);
  const taken = held.map(() => sequences.take([0], kv).sequence);
  held.forEach((tokens, i) => {
    sequences.release(taken[i]!, tokens, kv);
  });
  asked.length = 0;
  return { sequences, kv, asked };
}

describe('taking', () => {
  test('the longest beginning in common, in place', () => {
    const { sequences, kv, asked } = setUp(3, [1, 2, 9], [1, 2, 3, 4], [1]);
    expect(sequences.take([1, 2, 3, 5, 6], kv)).toEqual({ sequence: 1, reused: 3 });
    expect(asked).toEqual(['truncate 1 to 3']);
  });

  test("the prompt's last token is left to be computed", () => {
    const { sequences, kv } = setUp(1, [1, 2, 3, 4]);
    expect(sequences.take([1, 2, 3], kv)).toEqual({ sequence: 0, reused: 2 });
  });

  test('one token, or nothing in common: an empty sequence first, then the oldest', () => {
    const { sequences, kv, asked } = setUp(3, [1, 2], [3, 4]);
    expect(sequences.take([1], kv)).toEqual({ sequence: 2, reused: 0 });
    expect(sequences.take([7, 8], kv)).toEqual({ sequence: 0, reused: 0 });
    expect(sequences.take([7, 8], kv)).toEqual({ sequence: 1, reused: 0 });
    expect(asked.filter((line) => line.startsWith('truncate'))).not.toContain('truncate 1 to 2');
  });

  test.each([
    ['most would be lost, and another is empty: shared', 2, 7, { sequence: 1, reused: 3 }, 'fork 3 of 0 to 1'],
    ['half of it stays: in place', 2, 6, { sequence: 0, reused: 3 }, 'truncate 0 to 3'],
    ['none is empty: in place', 1, 7, { sequence: 0, reused: 3 }, 'truncate 0 to 3'],
  ])('%s', (_, count, length, expected, line) => {
    const held = Array.from({ length }, (_, i) => i);
    const { sequences, kv, asked } = setUp(count, held);
    expect(sequences.take([0, 1, 2, 99, 98], kv)).toEqual(expected);
    expect(asked).toEqual([line]);
  });

  test('what a taken sequence is known to hold is shared, never taken', () => {
    const { sequences, kv, asked } = setUp(2);
    const first = sequences.take([1, 2, 3, 4], kv);
    expect(sequences.take([1, 2, 3, 4], kv).reused).toBe(0); // nothing is computed yet
    sequences.release(1, [], kv);
    sequences.holds(first.sequence, [1, 2, 3, 4]);
    asked.length = 0;
    expect(sequences.take([1, 2, 3, 5], kv)).toEqual({ sequence: 1, reused: 3 });
    expect(asked).toEqual([`fork 3 of ${first.sequence} to 1`]);
  });

  test('as much in common with a free one as with a taken one: the free one', () => {
    const { sequences, kv } = setUp(3, [1, 2, 3], [1, 2, 3]);
    const { sequence } = sequences.take([1, 2, 3, 4], kv);
    sequences.holds(sequence, [1, 2, 3, 4]);
    expect(sequences.take([1, 2, 3], kv)).toEqual({ sequence: 1 - sequence, reused: 2 });
  });
});

test('release keeps the given tokens and no more', () => {
  const { sequences, kv, asked } = setUp(1);
  sequences.take([1, 2, 3, 4], kv);
  sequences.release(0, [1, 2], kv);
  expect(asked.at(-1)).toBe('truncate 0 to 2');
  expect(sequences.take([1, 2, 3, 4], kv)).toEqual({ sequence: 0, reused: 2 });
});

test('evicting: the oldest that nobody writes to, until there is none', () => {
  const { sequences, kv, asked } = setUp(4, [1, 1], [2, 2], [3, 3]);
  sequences.release(sequences.take([1, 1, 1], kv).sequence, [1, 1, 1], kv); // used again: 2 is the oldest now
  sequences.take([3, 3, 3], kv);
  asked.length = 0;
  expect([sequences.evict(kv), sequences.evict(kv), sequences.evict(kv)]).toEqual([true, true, false]);
  expect(asked).toEqual(['truncate 1 to 0', 'truncate 0 to 0']);
  expect(sequences.take([2, 2, 2], kv).reused).toBe(0);
});

test('forget: nothing is reused, and taken ones stay taken', () => {
  const { sequences, kv } = setUp(2, [1, 2, 3], [4, 5, 6]);
  const taken = sequences.take([1, 2, 3, 4], kv);
  sequences.forget();
  expect(sequences.take([1, 2, 3, 4], kv)).toEqual({ sequence: 1 - taken.sequence, reused: 0 });
});
