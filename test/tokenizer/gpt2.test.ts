import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/tokenizer/index.ts';
import { findPreTokenizer, wordSplitter } from '../../src/tokenizer/pre_tokenizers.ts';
import { CONTROL, gpt2Vocabulary, seededRandom, syntheticPieces, USER_DEFINED } from './vocabularies.ts';

const MERGES = ['h e', 'l l', 'he ll', 'Ġ w', 'o r', 'Ġw or', 'l d', 'Ã ±'];
const tokenizer = createTokenizer(
  gpt2Vocabulary(MERGES, [
    ['<|endoftext|>', CONTROL],
    ['<tool>', USER_DEFINED],
    ['  ', USER_DEFINED],
  ]),
);
const show = (text: string, options = {}) => tokenizer.encode(text, options).map((id) => tokenizer.tokenText(id));

describe('merging', () => {
  test('by rank, within words, over bytes', () => {
    expect(show('hello world ñ')).toEqual(['hell', 'o', 'Ġwor', 'ld', 'Ġ', 'Ã±']);
    expect(show('ld')).toEqual(['ld']);
  });

  test('no BOS unless the file asks', () => {
    expect(tokenizer.encode('')).toEqual([]);
    const bos = { 'tokenizer.ggml.bos_token_id': 7, 'tokenizer.ggml.add_bos_token': true };
    expect(createTokenizer(gpt2Vocabulary(MERGES, [], bos)).encode('')).toEqual([7]);
    const llama3 = { 'tokenizer.ggml.bos_token_id': 7, 'tokenizer.ggml.pre': 'llama-bpe' };
    expect(createTokenizer(gpt2Vocabulary(MERGES, [], llama3)).encode('')).toEqual([7]);
  });

  test('a merge whose result is no token falls back to its letters', () => {
    const vocabulary = gpt2Vocabulary(['a b'], [], { 'tokenizer.ggml.merges': ['a b', 'ab c'] });
    const small = createTokenizer(vocabulary);
    expect(small.encode('abcab').map((id) => small.tokenText(id))).toEqual(['a', 'b', 'c', 'ab']);
  });

  test('llama-bpe takes a word that is a token as it stands', () => {
    const merges = ['l l', 'h e', 'e l', 'hel lo'];
    const more = { 'tokenizer.ggml.add_bos_token': false };
    const whole = createTokenizer(gpt2Vocabulary(merges, [], { ...more, 'tokenizer.ggml.pre': 'llama-bpe' }));
    const merged = createTokenizer(gpt2Vocabulary(merges, [], { ...more, 'tokenizer.ggml.pre': 'qwen2' }));
    expect(whole.encode('hello')).toHaveLength(1);
    expect(merged.encode('hello')).toHaveLength(3);
  });
});

test('user-defined pieces are matched as they stand, control tokens when asked', () => {
  expect(show('a<tool>  b<|endoftext|>').slice(0, 4)).toEqual(['a', '<tool>', '  ', 'b']);
  expect(show('<|endoftext|>', { parseSpecial: true })).toEqual(['<|endoftext|>']);
  expect([...tokenizer.stopTokens].map((id) => tokenizer.tokenText(id))).toEqual(['<|endoftext|>']);
});

test.each(['', ' a', 'x\n\n  y', '\ufeff', 'ñ😀e\u0301', '\0\x7f', '<|endoftext|>', '  <tool>'])(
  '%j comes back',
  (text) => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  },
);

// The patterns were compared with llama.cpp's by their ids for GPT-2's vocabulary, over tens of thousands of texts.
const TEXT = "I'll pay 12345€, DON'T\n\n  you?  Año２ 中文, a_b-c";
test.each([
  ['default', "I|'|ll| pay| |123|45|€|,| DON|'|T|\n\n | you|?| | Año|２| 中文|,| a|_|b|-|c"],
  ['gpt-2', "I|'ll| pay| 12345|€,| DON|'|T|\n\n | you|?| | Año|２| 中文|,| a|_|b|-|c"],
  ['llama-bpe', "I|'ll| pay| |123|45|€,| DON|'T|\n\n| | you|?| | Año|２| 中文|,| a|_b|-c"],
  ['qwen2', "I|'ll| pay| |1|2|3|4|5|€,| DON|'T|\n\n| | you|?| | Año|２| 中文|,| a|_b|-c"],
  ['deepseek-llm', "I|'|ll| pay| |12345|€|,| DON|'|T|\n|\n| | you|?| | A|ñ|o|２| |中文|,| a|_|b|-|c"],
  ['deepseek-coder', "I|'|ll| pay| |1|2|3|4|5|€|,| DON|'|T|\n|\n| | you|?| | Año|２| |中文|,| a|_|b|-|c"],
  ['deepseek-v3', "I|'ll| pay| |123|45|€,| DON|'T|\n\n| | you|?| | Año|２| |中文|,| a|_b|-c"],
  ['starcoder', "I|'ll| pay| |1|2|3|4|5|€,| DON|'|T|\n\n | you|?| | Año|２| 中文|,| a|_|b|-|c"],
  ['falcon', "I|'|ll| pay| |123|45|€|,| DON|'|T|\n\n | you|?| | Año|２| 中文|,| a|_|b|-|c"],
])('%s cuts as llama.cpp does', (name, words) => {
  const split = wordSplitter(findPreTokenizer(name)!.patterns);
  expect(split(TEXT)).toEqual(words.split('|'));
});

test('every known name cuts without loss', () => {
  const random = seededRandom(2);
  const parts = [
    "'s",
    "'LL",
    ' ',
    '  ',
    '\t',
    '\n',
    '\r\n',
    '\u00a0',
    '\u3000',
    '1234',
    'word',
    'Éa',
    'ñ',
    '中文',
    '한',
    '！',
    '!?',
    '€',
    '😀',
    'e\u0301',
  ];
  const names =
    'default gpt-2 llama-bpe qwen2 qwen35 deepseek-llm deepseek-coder deepseek-v3 starcoder falcon mpt refact command-r phi-2 gpt-neox tekken gpt-4o';
  for (const name of names.split(' ')) {
    const split = wordSplitter(findPreTokenizer(name)!.patterns);
    for (let i = 0; i < 200; i++) {
      const text = Array.from({ length: 12 }, () => parts[Math.floor(random() * parts.length)]).join('');
      expect(split(text).join('')).toBe(text);
    }
  }
});

test('an unknown pre-tokenizer is named in a warning', () => {
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  createTokenizer(gpt2Vocabulary(MERGES, [], { 'tokenizer.ggml.pre': 'novel-bpe' }), { onWarning });
  createTokenizer(gpt2Vocabulary(MERGES, [], { 'tokenizer.ggml.pre': undefined }), { onWarning });
  createTokenizer(gpt2Vocabulary(MERGES), { onWarning });
  expect(warnings).toEqual([expect.stringContaining('"novel-bpe"'), expect.stringContaining('no tokenizer.ggml.pre')]);
});

test('150,000 merges are ready in a moment, and hostile texts take no longer than others', { timeout: 20_000 }, () => {
  const pieces = syntheticPieces(150_000).filter((piece) => /^[a-z]{2,}$/.test(piece));
  const vocabulary = gpt2Vocabulary(pieces.map((piece) => `${piece.slice(0, -1)} ${piece.at(-1)}`));
  const start = performance.now();
  const large = createTokenizer(vocabulary);
  expect(performance.now() - start).toBeLessThan(1500);
  for (const text of [
    'a'.repeat(3e5),
    ' '.repeat(3e5),
    '\n '.repeat(1e5),
    '1'.repeat(3e5),
    "'".repeat(3e5),
    '😀'.repeat(1e5),
  ]) {
    expect(large.decode(large.encode(text))).toBe(text);
  }
});
