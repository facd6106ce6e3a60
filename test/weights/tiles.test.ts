import { expect, test } from 'vitest';
import { blockTypes } from '../../kernels/quants/index.ts';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import type { Limits } from '../../src/gpu/limits.ts';
import { concatenated, tileLayouts } from '../../src/weights/matrix.ts';

const mib = 2 ** 20;
const limits = { maxBufferSize: 1024 * mib, maxStorageBufferBindingSize: 128 * mib } as Limits;
const source = bytesSource(new Uint8Array());

function matrix(rowLength: number, rows: number) {
  const type = ggmlType('Q8_0');
  const byteLength = (rowLength / 32) * 34 * rows;
  return concatenated('m', [{ name: 'm', type, dimensions: [rowLength, rows], source, offset: 0, byteLength }]);
}

test.each([
  ['the head of ALIA', 8192, 256_000, 64 * mib],
  ['its feed-forward', 24_576, 8192, 64 * mib],
  ['small tiles', 8192, 8192, mib],
])('tiles of %s are no larger than asked for, whole steps of 64 rows, and all of it', (_, rowLength, rows, most) => {
  const tiles = tileLayouts(matrix(rowLength, rows), limits, most);
  let next = 0;
  for (const { rowStart, rowCount, byteLength } of tiles) {
    expect(rowStart).toBe(next);
    expect(byteLength).toBeLessThanOrEqual(most);
    next += rowCount;
  }
  expect(next).toBe(rows);
  expect(tiles.slice(0, -1).every(({ rowCount }) => rowCount % 64 === 0)).toBe(true);
});

test('blocks as the file has them are tiles of the same rows, no larger, where rows need no padding', () => {
  const spec = matrix(8192, 1000);
  const [planes, blocks] = (['planes', 'blocks'] as const).map((form) => tileLayouts(spec, limits, mib, form));
  expect(blocks?.map(({ rowStart, rowCount }) => [rowStart, rowCount])).toEqual(
    planes?.map(({ rowStart, rowCount }) => [rowStart, rowCount]),
  );
  blocks?.forEach(({ type, byteLength }, i) => {
    expect(type.repack).toBeUndefined();
    expect(byteLength).toBeLessThanOrEqual(planes?.[i]?.byteLength as number);
  });
  const [padded] = tileLayouts(matrix(96, 10), limits, mib, 'blocks');
  expect(padded?.type).toBe(blockTypes.Q8_0);
  const small = { ...limits, maxStorageBufferBindingSize: 64 * 8192 }; // what a plane of int8 takes, and not a byte more
  expect(tileLayouts(matrix(8192, 64), small, mib, 'blocks').map(({ type }) => type)).toEqual([blockTypes.Q8_0]);
});

test('a tile has two rows, however small the slots', () => {
  const tiles = tileLayouts(matrix(8192, 6), limits, 1);
  expect(tiles.map(({ rowCount }) => rowCount)).toEqual([2, 2, 2]);
});
