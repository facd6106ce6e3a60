/** Sets of code points: ranges, first and last among them, ascending and apart. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

export const lastCodePoint = 0x10ffff;

/** All but the halves of surrogate pairs, which have no UTF-8. */
export const anyPoint: CodePoints = [
  [0, 0xd7ff],
  [0xe000, lastCodePoint],
];

/** Ranges in any order, which may overlap, as a set. */
export function codePoints(ranges: CodePoints): CodePoints {
  const set: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = set.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else set.push([first, last]);
  }
  return set;
}

/** Those of `a` that are not in `b`. */
export function without(a: CodePoints, b: CodePoints): CodePoints {
  const left: [number, number][] = [];
  for (const [first, last] of a) {
    let from = first;
    for (const [start, end] of b) {
      if (end < from || start > last) continue;
      if (start > from) left.push([from, start - 1]);
      from = end + 1;
    }
    if (from <= last) left.push([from, last]);
  }
  return left;
}

/** Those in both. */
export const both = (a: CodePoints, b: CodePoints): CodePoints => without(a, without(anyPoint, b));

/** The characters of a text. */
export const pointsOf = (text: string): CodePoints =>
  codePoints([...text].map((character) => [character.codePointAt(0) as number, character.codePointAt(0) as number]));

/** Characters from a first to a last. */
export const pointRange = (first: string, last: string): readonly [number, number] => [
  first.codePointAt(0) as number,
  last.codePointAt(0) as number,
];
