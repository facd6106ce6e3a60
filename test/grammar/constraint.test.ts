import { expect, test } from 'vitest';
import { GrammarError, type GrammarOptions, Grammars } from '../../src/grammar/index.ts';
import { TokenTrie } from '../../src/grammar/token_trie.ts';
import { utf8Ranges } from '../../src/grammar/utf8.ts';
import { schemas } from './schemas.ts';
import { accepts, eos, grammars, isAllowed, longText, randomText, vocabulary } from './texts.ts';
import { validator } from './validate.ts';

const utf8 = new TextEncoder();

test('a mask has the tokens that some text goes on with, and no others', () => {
  const cases: [GrammarOptions, string][] = [
    [{ responseFormat: { type: 'json_object' } }, '{"ab": "é the'],
    [{ responseFormat: { type: 'json_schema', schema: { type: 'string', maxLength: 5 } } }, '"abc'],
    [{ regex: '(true|false|tr[a-z]{3}|日本語)( the)*' }, ''],
    [{ grammar: 'root ::= "{" root "}" | "\\"" [^"]* "\\""' }, '{{'],
  ];
  for (const [options, before] of cases) {
    const constraint = grammars.constraintOf(options)!;
    for (const byte of utf8.encode(before)) constraint.advance(byte);
    for (let token = 0; token < vocabulary.vocabLength; token++) {
      if (vocabulary.controlTokens.has(token)) continue;
      const again = grammars.constraintOf(options)!;
      let lives = true;
      for (const byte of [...utf8.encode(before), ...vocabulary.tokenBytes(token)]) {
        lives &&= isAllowed(again.mask, byte);
        if (lives) again.advance(byte);
      }
      expect(isAllowed(constraint.mask, token), `${JSON.stringify(options)} ${token}`).toBe(lives);
    }
  }
});

test('a text may end where the grammar does, and nowhere else', () => {
  const constraint = grammars.constraintOf({ regex: 'a(bc)?' })!;
  const steps: boolean[][] = [];
  for (const letter of 'abc') {
    steps.push([isAllowed(constraint.mask, eos), constraint.isOver]);
    constraint.advance(letter.charCodeAt(0));
  }
  steps.push([isAllowed(constraint.mask, eos), constraint.isOver]);
  expect(steps).toEqual([
    [false, false],
    [true, false],
    [false, false],
    [true, true],
  ]);
  constraint.advance(eos);
  expect(() => constraint.advance(97)).toThrow(GrammarError);
});

test('control tokens are part of no text', () => {
  const { mask } = grammars.constraintOf({ regex: '[\\s\\S]*' })!;
  expect([eos - 1, eos, 65].map((token) => isAllowed(mask, token))).toEqual([false, true, true]);
});

test('a vocabulary that cannot write the grammar is an error, not an endless answer', () => {
  const letters = new Grammars({ ...vocabulary, vocabLength: 128 });
  expect(() => letters.constraintOf({ regex: 'é+' })).toThrow('no token of this vocabulary');
});

test('brackets within each other end at a bound, and close again', () => {
  const constraint = grammars.constraintOf({ grammar: 'root ::= "[" (root ("," root)*)? "]"' })!;
  let depth = 0;
  while (isAllowed(constraint.mask, 91) && depth < 1000) {
    constraint.advance(91);
    depth++;
  }
  expect(depth).toBeGreaterThan(100);
  expect(depth).toBeLessThan(300);
  while (depth-- > 0) constraint.advance(93);
  expect(constraint.isOver).toBe(true);
});

test('a list that goes on by itself takes no room', () => {
  const constraint = grammars.constraintOf({ grammar: 'root ::= "x" rest\nrest ::= "," "x" rest | ""' })!;
  constraint.advance(120);
  for (let i = 0; i < 5000; i++) {
    constraint.advance(44);
    constraint.advance(120);
  }
  expect(isAllowed(constraint.mask, eos)).toBe(true);
});

test('one form at a time', () => {
  expect(() => grammars.constraintOf({ regex: 'a', grammar: 'root ::= "a"' })).toThrow('one form');
  expect(grammars.constraintOf({ responseFormat: { type: 'text' } })).toBeUndefined();
  expect(() => grammars.constraintOf({ responseFormat: { type: 'xml' } as never })).toThrow('no responseFormat "xml"');
  expect(accepts({ responseFormat: { type: 'text' }, regex: 'a' }, 'a')).toBe(true);
});

test('random JSON objects parse', () => {
  for (let seed = 0; seed < 40; seed++) {
    const value = JSON.parse(randomText({ responseFormat: { type: 'json_object' } }, seed, 30));
    expect(typeof value === 'object' && !Array.isArray(value)).toBe(true);
  }
});

test('UTF-8 of every border of code points, and of nothing else', () => {
  const points = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff];
  for (const first of points) {
    for (const last of points.filter((point) => point >= first)) {
      const sequences = utf8Ranges([[first, last]]);
      for (const point of [...points, 0x61, 0x5d0, 0x65e5, 0x1f600]) {
        const bytes = utf8.encode(String.fromCodePoint(point));
        const isIn = sequences.some(
          (ranges) =>
            ranges.length === bytes.length && ranges.every(([from, to], i) => from <= bytes[i]! && bytes[i]! <= to),
        );
        expect(isIn).toBe(first <= point && point <= last);
      }
    }
  }
});

test('a trie has every token once, at the end of its bytes', () => {
  const words = ['a', 'ab', 'abc', 'b', 'a', 'bcd', '日', '日本'];
  const trie = new TokenTrie(words.map((word, i) => [i, utf8.encode(word)]));
  const found: [number, string][] = [];
  const path: number[] = [];
  for (let node = 0; node < trie.bytes.length; node++) {
    path.length = trie.depths[node]! - 1;
    path.push(trie.bytes[node]!);
    for (let i = trie.firstToken[node]!; i < trie.firstToken[node + 1]!; i++) {
      found.push([trie.tokens[i]!, new TextDecoder().decode(Uint8Array.from(path))]);
    }
    expect(trie.ends[node]).toBeGreaterThan(node);
  }
  expect(found.sort(([a], [b]) => a - b)).toEqual(words.map((word, i) => [i, word]));
});

test('a text is whole however few tokens it has, if they are enough for any', () => {
  const shortest: [GrammarOptions, number][] = [
    [{ responseFormat: { type: 'json_object' } }, 2],
    [{ responseFormat: { type: 'json_schema', schema: { type: 'string', minLength: 3 } } }, 5],
    [{ responseFormat: { type: 'json_schema', schema: { type: 'array', items: {}, minItems: 2 } } }, 5],
    [{ regex: 'a{3,}(bcd|(ef)+)|x{4}' }, 4],
    [{ grammar: 'root ::= "(" root ")" | "[" root root "]" | "."' }, 1],
  ];
  for (const [options, least] of shortest) {
    for (let seed = 0; seed < 10; seed++) {
      for (const maxTokens of [least, least + 1, least + 7, 30]) {
        const { text } = longText(options, seed, maxTokens);
        expect(text, `${JSON.stringify(options)} in ${maxTokens}`).toBeDefined();
        expect(accepts(options, text!)).toBe(true);
      }
    }
  }
  for (const [seed, schema] of schemas.entries()) {
    const { text } = longText({ responseFormat: { type: 'json_schema', schema } }, seed, 120);
    expect(validator(schema)(JSON.parse(text!)), text).toBeUndefined();
  }
});

test('whether it was cut short is known', () => {
  const string = { responseFormat: { type: 'json_schema', schema: { type: 'string', maxLength: 5 } } } as const;
  expect(longText(string, 1, 4).isCurtailed).toBe(true);
  expect(longText(string, 1, 100).isCurtailed).toBe(false);
  const constraint = grammars.constraintOf({ regex: '(ab)*' }, 2)!;
  constraint.advance(eos);
  expect(constraint.isCurtailed).toBe(false);
});
