import type { CodePoints } from './code_points.ts';

/** Bytes that may stand in one place, first and last among them. */
export type ByteRange = readonly [first: number, last: number];

/** Where UTF-8 takes another byte: the last code points of one, two, three and four bytes. */
const lastOfLength = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** The UTF-8 of a set of code points: sequences of byte ranges. Halves of surrogate pairs have none. */
export function utf8Ranges(points: CodePoints): readonly (readonly ByteRange[])[] {
  const sequences: ByteRange[][] = [];
  for (const [first, last] of points) {
    for (const [from, to] of [
      [first, Math.min(last, 0xd7ff)],
      [Math.max(first, 0xe000), last],
    ] as const) {
      let start = from;
      for (const [i, longest] of lastOfLength.entries()) {
        const end = Math.min(to, longest);
        if (start <= end) split(start, end, i + 1, sequences);
        start = Math.max(start, longest + 1);
      }
    }
  }
  return sequences;
}

/** Code points of `length` bytes each: parts in which every byte runs through a range of its own. */
function split(first: number, last: number, length: number, sequences: ByteRange[][]): void {
  for (let i = 1; i < length; i++) {
    const tail = (1 << (6 * i)) - 1; // what the last i bytes hold
    if ((first & ~tail) === (last & ~tail)) continue;
    if ((first & tail) !== 0) {
      split(first, first | tail, length, sequences);
      split((first | tail) + 1, last, length, sequences);
      return;
    }
    if ((last & tail) !== tail) {
      split(first, (last & ~tail) - 1, length, sequences);
      split(last & ~tail, last, length, sequences);
      return;
    }
  }
  const [low, high] = [bytesOf(first, length), bytesOf(last, length)];
  sequences.push(low.map((byte, i) => [byte, high[i] as number]));
}

function bytesOf(point: number, length: number): number[] {
  if (length === 1) return [point];
  const bytes: number[] = [];
  for (let i = length - 1; i >= 0; i--) bytes.push(0x80 | ((point >> (6 * i)) & 0x3f));
  bytes[0] = ((0xf00 >> length) & 0xff) | (point >> (6 * (length - 1)));
  return bytes;
}
