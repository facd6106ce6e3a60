import { expect, test } from 'vitest';
import { GrammarError } from '../../src/grammar/index.ts';
import { accepts, grammars } from './texts.ts';

const chess = `
# a game, as llama.cpp's own example has it
root   ::= "1. " move " " move "\\n" ([1-9] [0-9]? ". " move " " move "\\n")+
move   ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn   ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle ::= "O-O" "-O"?
`;
const arithmetic = `root ::= (expr "=" ws term "\\n")+
expr ::= term ([-+*/] term)*
term ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num ::= [0-9]+ ws
ws ::= [ \\t\\n]*`;

test.each([
  ['root ::= "yes" | "no"', ['yes', 'no'], ['', 'y', 'yesno', 'maybe']],
  ['root ::= "a"{2} "b"{1,} "c"{0,2} "d"{,1}', ['aab', 'aabbbccd'], ['ab', 'aa', 'aabccc', 'aabdd']],
  ['root ::= [^a-c\\n]+', ['xyz', 'é日😀'], ['', 'xa', '\n']],
  ['root ::= .? "]" [\\]x-]', ['é]]', ']-', ']x'], ['ab]x']],
  ['root ::= "\\x41\\u00e9\\U0001F600\\t\\"\\\\"', ['Aé😀\t"\\'], ['A']],
  ['root ::= ( "a"\n  | "b" # or\n  | c )\n\nc ::= "c"  # last', ['a', 'b', 'c'], ['d']],
  ['root ::= "a"\n  | "b"', ['a', 'b'], ['ab']],
  ['root ::= item*\nitem ::= "x" | "(" root ")"', ['', 'x(x(x))x', '((()))'], ['(', ')', 'x(']],
  ['root ::= "" "a"? ("" | "b")', ['', 'a', 'b', 'ab'], ['ba']],
  ['root ::= ("a"* "b"*)*', ['', 'abba', 'bbba'], ['c']],
  [chess, ['1. e4 e5\n2. Nf3 Nc6\n', '1. e4 O-O-O+\n12. exd8=Q Kh1#\n'], ['1. e4 e5\n', '2. e4 e5\n2. e4 e5\n']],
  [arithmetic, ['x=1\n', '(a+b1)*3 = 12\ny= z\n'], ['=1\n', 'x=1', '(a=1\n']],
])('%j', (grammar, right, wrong) => {
  for (const text of right) expect(accepts({ grammar }, text), text).toBe(true);
  for (const text of wrong) expect(accepts({ grammar }, text), text).toBe(false);
});

test.each([
  ['', 'no rule root'],
  ['start ::= "a"', 'no rule root'],
  ['root ::= "a', 'line 1 of the grammar: a text or a class of characters is not closed'],
  ['root ::= [a', 'is not closed'],
  ['root ::= (("a")', 'line 1 of the grammar: a bracket is not closed'],
  ['root ::= "a")', '")" is not expected'],
  ['root ::= [z-a]', 'backwards'],
  ['root ::= "a"{3,2}', '{3,2} counts backwards'],
  ['root ::= "a"{}', 'a count is'],
  ['root ::= "\\q"', '\\q is no escape'],
  ['root ::= "\\u12"', '4 hexadecimal digits'],
  ['root ::= "\\U00110000"', 'is no character'],
  ['root ::= "a"\n\nroot ::= "b"', 'line 3 of the grammar: the rule root is there already'],
  ['root ::= "a"\nother', '::= follows'],
  ['root ::= "a"\n  other ::= missing', 'line 2 of the grammar: there is no rule missing'],
  ['root ::= <[12]>', 'tokens by name or number'],
  ['root ::= root "a" | "a"', 'the rule root begins with itself'],
  ['root ::= a\na ::= b? root', 'there is no rule b'],
  ['root ::= a\na ::= b? root "x" | "y"\nb ::= "z"', 'begins with itself'],
  ['root ::= "a" root', 'no text of finite length'],
  [`root ::= ${'('.repeat(2000)}"a"${')'.repeat(2000)}`, 'more than 128 deep'],
  ['root ::= "a"{999999999}', 'too large'],
  ['root ::= ((("a"{5000}){5000}){5000} | [^x]{100000})', 'too large'],
  [`root ::= "a"${'*'.repeat(100_000)}`, 'too many repetitions'],
  ['x'.repeat(2 ** 18 + 1), 'characters'],
])('%#: a grammar that is refused', (grammar, message) => {
  const begun = performance.now();
  expect(() => grammars.constraintOf({ grammar })).toThrow(GrammarError);
  expect(() => grammars.constraintOf({ grammar })).toThrow(message);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

test('long chains of rules are read in good time, whatever their order', () => {
  const chain = (length: number, ends: string) =>
    `root ::= r0\n${Array.from({ length }, (_, i) => `r${i} ::= r${i + 1}`).join('\n')}\nr${length} ::= ${ends}`;
  const begun = performance.now();
  expect(accepts({ grammar: chain(500, '"a"?') }, 'a')).toBe(true);
  expect(() => grammars.constraintOf({ grammar: chain(9000, '"a"?') })).toThrow('too ambiguous');
  expect(() => grammars.constraintOf({ grammar: chain(9000, 'r0') })).toThrow('no text of finite length');
  expect(performance.now() - begun).toBeLessThan(20_000);
});

test('a grammar whose texts mean too much at once ends with an error', () => {
  const begun = performance.now();
  const grammar = 'root ::= a*\na ::= "x" | "x" a | "(" root ")" | "x"{1,400} | ("x" | "xx"){1,300}';
  const constraint = grammars.constraintOf({ grammar });
  const write = () => {
    for (let i = 0; i < 2000; i++) constraint?.advance('x'.charCodeAt(0));
  };
  try {
    write();
  } catch (error) {
    expect(error).toBeInstanceOf(GrammarError);
  }
  expect(performance.now() - begun).toBeLessThan(20_000);
});
