import { expect, test } from 'vitest';
import { StopStrings } from '../../src/decoding/stop_strings.ts';

/** The texts of each push, then of the end; ends where a stop string is found. */
function run(stops: string[], pieces: string[]): string[] {
  const strings = new StopStrings(stops);
  const texts: string[] = [];
  for (const piece of pieces) {
    const { text, found } = strings.push(piece);
    texts.push(text);
    if (found) return [...texts, '■'];
  }
  return [...texts, strings.end()];
}

test.each([
  ['no stop strings hold nothing back', [], ['a', 'b'], ['a', 'b', '']],
  ['within a piece', ['END'], ['abENDcd'], ['ab', '■']],
  ['across pieces', ['END'], ['abE', 'N', 'Dcd'], ['ab', '', '', '■']],
  ['a beginning that came to nothing', ['END'], ['abE', 'Nx', 'EN'], ['ab', 'ENx', '', 'EN']],
  ['a beginning within a beginning', ['aab'], ['a', 'a', 'a', 'b'], ['', '', 'a', '', '■']],
  ['the first of several', ['cd', 'b'], ['abcd'], ['a', '■']],
  ['the one that is complete first', ['abcd', 'bc'], ['xabcd'], ['xa', '■']],
  ['of those complete together the longest', ['c', 'bc'], ['abc'], ['a', '■']],
  ['one is a beginning of the other', ['ab', 'abc'], ['xabc'], ['x', '■']],
  ['beyond the basic plane', ['😀!'], ['a😀', '?😀', '!'], ['a', '😀?', '', '■']],
  ['nothing before it', ['a'], ['a'], ['', '■']],
])('%s', (_, stops, pieces, expected) => {
  expect(run(stops, pieces)).toEqual(expected);
});

test('borders of pieces change nothing', () => {
  const text = 'abaabcabab';
  for (const stops of [['abab'], ['aabc', 'bc'], ['ca', 'b c', 'baabc'], ['zz'], ['abab', 'bab', 'ab a']]) {
    const whole = run(stops, [...text]).join('');
    for (let borders = 0; borders < 1 << (text.length - 1); borders++) {
      const pieces: string[] = [];
      for (let i = 0, first = 0; i < text.length; i++) {
        const isBorder = i === text.length - 1 || (borders >> i) & 1;
        if (isBorder) pieces.push(text.slice(first, (first = i + 1)));
      }
      expect(run(stops, pieces).join('')).toBe(whole);
    }
  }
});

test('an empty stop string is refused', () => {
  expect(() => new StopStrings(['a', ''])).toThrow(RangeError);
});
