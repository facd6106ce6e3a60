import { expect, test } from 'vitest';
import { GrammarError } from '../../src/grammar/index.ts';
import { accepts, grammars } from './texts.ts';

/** Each text is judged by JavaScript's own engine. */
const texts = [
  '',
  'a',
  'b',
  'ab',
  'aab',
  'abab',
  'a1',
  '2024-11-28',
  '-3.5e7',
  'foo@bar.es',
  'é',
  'ñandú',
  '日本',
  '😀',
  '\n',
  'a\nb',
  '"',
  '\\',
  'x]',
  'A_9',
  ' \t',
  '$^',
  'aaaa',
  '(',
  '+34 600',
  'ß',
  '\u0001',
  '-',
  'z-',
];

test.each([
  'a*b?',
  '(?:ab)+|a\\d',
  '^(?<year>\\d{4})-(\\d\\d)-(\\d\\d)$',
  '^a$|^b$',
  '[+-]?\\d+(\\.\\d+)?([eE][+-]?\\d+)?',
  '[\\w.]+@[\\w.]+\\.[a-z]{2,}',
  '.',
  '.+',
  '[^a-z]+',
  '[\\s\\S]*',
  '\\W+',
  '\\S\\D?',
  '[\\]x]+',
  '\\u00e9|\\u{1F600}|\\x61',
  '\\p{L}+',
  '\\P{L}+',
  '[\\p{Lu}_\\d]+',
  'a{2,4}?',
  'a{2}',
  'a{1,}b*?',
  '\\(|\\$\\^|\\\\|"',
  '[a-]|[-z]+',
  '\\+\\d+ \\d{3}',
  '',
  'a||b',
  '(|a)b',
  '\\cA|\\n',
])('/%s/', (regex) => {
  const whole = new RegExp(`^(?:${regex})$`, 'u');
  for (const text of texts) expect(accepts({ regex }, text), JSON.stringify(text)).toBe(whole.test(text));
});

test.each([
  ['(?=a)b', 'lookahead'],
  ['(?<!a)b', 'lookahead and lookbehind cannot be enforced'],
  ['(a)\\1', 'references'],
  ['\\bword', 'border of a word'],
  ['a^b', '^ and $ within'],
  ['a$b', '$ stands before the end'],
  ['^a|b', 'in some alternatives'],
  ['(a', 'not closed'],
  ['a)', 'stands alone'],
  ['[a', 'not closed'],
  ['*a', 'nothing to repeat'],
  ['a**', 'nothing to repeat'],
  ['a{3,1}', 'backwards'],
  ['[z-a]', 'backwards'],
  ['\\', 'the last character'],
  ['\\u{110000}', 'no character'],
  ['\\p{Nonsense}', 'no property'],
  ['\\y', 'no escape'],
  ['(a{1000}){1000}{1000}', 'nothing to repeat'],
  ['('.repeat(1000), '128 deep'],
  ['[^x]{99999}', 'too large'],
  ['\\p{L}'.repeat(20), '16 times'],
])('/%s/ is refused', (regex, message) => {
  expect(() => grammars.constraintOf({ regex })).toThrow(GrammarError);
  expect(() => grammars.constraintOf({ regex })).toThrow(message);
});
