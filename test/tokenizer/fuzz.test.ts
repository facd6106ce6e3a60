/** Seeded noise: what goes in comes out, however the tokens are cut; a broken vocabulary ends in one clear error. */
import { expect, test } from 'vitest';
import { GgufError } from '../../src/gguf/errors.ts';
import { createTokenizer, type SpacePrefix, type Tokenizer, TokenizerError } from '../../src/tokenizer/index.ts';
import {
  CONTROL,
  gpt2Vocabulary,
  LLAMA_HEAD,
  llamaVocabulary,
  metadata,
  seededRandom,
  syntheticPieces,
  USER_DEFINED,
} from './vocabularies.ts';

const PARTS = [
  '<|im_start|>',
  '<|im_',
  'end|>',
  '</s>',
  '<s>',
  '<0x41>',
  '▁',
  ' ',
  '  ',
  '\n\n',
  '\t',
  'hola',
  'ñ',
  'e\u0301',
  '😀',
  '\ud83d',
  '\u0000',
  '\ufeff',
  '中文',
  '1234',
  "'s",
  'a',
  'b',
  '.',
];

function noise(random: () => number): string {
  const length = Math.floor(random() * 30);
  const part = () =>
    random() < 0.7 ? PARTS[Math.floor(random() * PARTS.length)]! : String.fromCharCode(Math.floor(random() * 0x10000));
  return Array.from({ length }, part).join('');
}

const pieces = syntheticPieces(3000);
const special = [
  ['\n\n', USER_DEFINED],
  ['  ', USER_DEFINED],
  ['<|x|>', CONTROL],
] as const;
const prefixes: SpacePrefix[] = ['never', 'first', 'afterSpecial'];
const tokenizers: [string, Tokenizer][] = [
  ...prefixes.map((spacePrefix): [string, Tokenizer] => [
    `llama, ${spacePrefix}`,
    createTokenizer(llamaVocabulary([...pieces, ...special]), { spacePrefix }),
  ]),
  ['gpt2', createTokenizer(gpt2Vocabulary(['h o', 'l a', 'ho la', 'Ġ hola'], [...special, ['<|im_start|>', CONTROL]]))],
];

test.each(tokenizers)('%s: 2,000 texts', (name, tokenizer) => {
  const random = seededRandom(11);
  for (let i = 0; i < 2000; i++) {
    const text = noise(random);
    // In a SentencePiece vocabulary ▁ is the space.
    const seen = name === 'gpt2' ? text.toWellFormed() : text.toWellFormed().replaceAll('▁', ' ');
    const tokens = tokenizer.encode(text);
    expect(
      tokens.slice(1).some((token) => tokenizer.controlTokens.has(token)),
      JSON.stringify(text),
    ).toBe(false);
    expect(tokenizer.decode(tokens), JSON.stringify(text)).toBe(seen);
    // With 'first', ids that begin with BOS cannot tell a space after it from the prefix.
    if (!name.endsWith('first') || !text.startsWith('<s>')) {
      const parsed = tokenizer.encode(text, { addSpecial: false, parseSpecial: true });
      expect(tokenizer.decode(parsed, { special: true }), JSON.stringify(text)).toBe(seen);
    }

    const stream = tokenizer.stream({ continuation: false });
    const parts = tokens.map((token) => stream.push(token));
    expect(parts.join('') + stream.end()).toBe(seen);
    expect(parts.every((part) => part.isWellFormed())).toBe(true);
  }
});

test('any tokens at all decode', () => {
  const random = seededRandom(12);
  for (const [, tokenizer] of tokenizers) {
    for (let i = 0; i < 500; i++) {
      const tokens = Array.from({ length: 20 }, () => Math.floor(random() * tokenizer.vocabLength));
      const stream = tokenizer.stream();
      const streamed = tokens.map((token) => stream.push(token)).join('') + stream.end();
      expect(streamed).toBe(tokenizer.decode(tokens, { continuation: true }));
      expect(streamed.isWellFormed()).toBe(true);
    }
  }
});

test('2,000 broken vocabularies end in a tokenizer or one clear error', () => {
  const random = seededRandom(13);
  const values: unknown[] = [
    undefined,
    0,
    1e9,
    2 ** 32 - 1,
    true,
    'llama',
    'gpt2',
    '',
    'x'.repeat(99),
    [],
    ['', ''],
    ['a', 'a', 'b c', ' '],
    Int32Array.of(6, 6, 6, 99, -1),
    Float32Array.of(Number.NaN, Infinity, -Infinity, 0),
    new Int32Array(999).fill(3),
  ];
  const keys = [
    'model',
    'pre',
    'tokens',
    'token_type',
    'scores',
    'merges',
    'bos_token_id',
    'eos_token_id',
    'unknown_token_id',
    'add_bos_token',
    'add_space_prefix',
  ];
  const base = (kind: string) => ({
    'tokenizer.ggml.model': kind,
    'tokenizer.ggml.tokens': [...LLAMA_HEAD.map(([text]) => text), 'a', 'b', 'ab', '▁'],
    'tokenizer.ggml.merges': ['a b', 'ab c', 'x', ''],
  });
  let built = 0;
  for (let i = 0; i < 2000; i++) {
    const changed: Record<string, unknown> = base(random() < 0.5 ? 'llama' : 'gpt2');
    for (let n = random() * 3; n > 0; n--) {
      changed[`tokenizer.ggml.${keys[Math.floor(random() * keys.length)]}`] =
        values[Math.floor(random() * values.length)];
    }
    try {
      const tokenizer = createTokenizer(metadata(changed), { onWarning() {} });
      tokenizer.decode(tokenizer.encode('ab ñ<s>a', { parseSpecial: true }));
      built++;
    } catch (error) {
      expect(error instanceof TokenizerError || error instanceof GgufError, String(error)).toBe(true);
    }
  }
  expect(built).toBeGreaterThan(200);
});
