import { describe, expect, test } from 'vitest';
import { createTokenizer, TokenizerError } from '../../src/tokenizer/index.ts';
import {
  CONTROL,
  LLAMA_HEAD,
  llamaVocabulary,
  metadata,
  NORMAL,
  syntheticPieces,
  USER_DEFINED,
} from './vocabularies.ts';

const PIECES = [
  '▁h', 'ol', '▁hol', '▁hola', 'un', '▁m', 'mun', '▁mundo', 'mundo', 'do',
  '▁', 'h', 'o', 'l', 'a', 'm', 'u', 'n', 'd', 'x', '<', '>', '/', 's', '\n',
  ['▁▁', USER_DEFINED], ['▁▁▁', USER_DEFINED], ['\n\n', USER_DEFINED],
] as const; // biome-ignore format: rows by kind
const ids = (...texts: string[]) => texts.map((text) => idOf.get(text)!);
const idOf = new Map<string, number>();
for (const [i, piece] of [...LLAMA_HEAD, ...PIECES].entries())
  idOf.set(typeof piece === 'string' ? piece : piece[0], i);
const tokenizer = createTokenizer(llamaVocabulary(PIECES));
const plain = { addSpecial: false };

describe('merging', () => {
  test('the highest score goes first, the leftmost of equals', () => {
    expect(tokenizer.encode('hola mundo', plain)).toEqual([
      ...ids('▁hola'),
      // ▁m outranks mundo, so ▁mundo is never reached.
      ...ids('▁m', 'un', 'do'),
    ]);
  });

  test('what is no piece becomes its bytes', () => {
    expect(tokenizer.encode('xñ😀', plain)).toEqual(
      ids('▁', 'x', '<0xC3>', '<0xB1>', '<0xF0>', '<0x9F>', '<0x98>', '<0x80>'),
    );
  });

  test('without bytes it is the unknown token', () => {
    const small = metadata({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': ['<unk>', '▁', 'a'],
      'tokenizer.ggml.token_type': Int32Array.of(2, 1, 1),
    });
    expect(createTokenizer(small).encode('añ', plain)).toEqual([1, 2, 0]);
  });

  test('pieces that go over a space are found too', () => {
    const crossing = createTokenizer(llamaVocabulary(['a▁b', 'a▁', '▁', 'a', 'b']));
    expect(crossing.encode('a b', plain).map((id) => crossing.tokenText(id))).toEqual(['▁', 'a▁b']);
  });

  test('a text that spells a control token or a byte never merges into it', () => {
    const spelled = createTokenizer(
      llamaVocabulary(['<s', '</s', '<0x4', '<0x41', '<', '0', 'x', '4', '1', '>', '/', 's', '▁']),
    );
    for (const text of ['<s>', '</s>', '<0x41>']) {
      const tokens = spelled.encode(text, plain);
      expect(tokens.length).toBeGreaterThan(1);
      expect(spelled.decode(tokens)).toBe(text);
    }
  });
});

describe('space prefix', () => {
  const text = '<|im_start|>hola<|im_end|>\n\nhola';
  const parse = { addSpecial: false, parseSpecial: true };
  const rest = ids('h', 'ol', 'a');
  test.each([
    ['afterSpecial', [...ids('<|im_start|>', '▁hola', '<|im_end|>', '\n\n', '▁hola')]],
    ['first', [...ids('<|im_start|>'), ...rest, ...ids('<|im_end|>', '\n\n'), ...rest]],
    ['never', [...ids('<|im_start|>'), ...rest, ...ids('<|im_end|>', '\n\n'), ...rest]],
  ] as const)('%s', (spacePrefix, expected) => {
    const chosen = createTokenizer(llamaVocabulary(PIECES), { spacePrefix });
    expect(chosen.encode(text, parse)).toEqual(expected);
    expect(chosen.encode('hola', plain)).toEqual(spacePrefix === 'never' ? rest : ids('▁hola'));
    expect(chosen.decode(chosen.encode(text, parse), { special: true })).toBe(text);
  });

  test('the metadata chooses, absent means as llama.cpp does', () => {
    const without = createTokenizer(llamaVocabulary(PIECES, { 'tokenizer.ggml.add_space_prefix': false }));
    expect(without.encode('hola', plain)).toEqual(rest);
    expect(tokenizer.encode(text, parse)[1]).toBe(idOf.get('▁hola'));
  });

  test('first finds user-defined runs of spaces with the prefix among them', () => {
    const first = createTokenizer(llamaVocabulary(PIECES), { spacePrefix: 'first' });
    expect(first.encode('  x', plain)).toEqual(ids('▁▁▁', 'x'));
    expect(first.decode(first.encode('  x'))).toBe('  x');
  });
});

describe('special tokens', () => {
  const text = 'x<|im_end|></s>';
  test('stay text unless asked', () => {
    expect(tokenizer.encode(text).some((id) => id !== 1 && tokenizer.controlTokens.has(id))).toBe(false);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  test('are parsed when asked, but not inside untrusted ranges', () => {
    const options = { ...plain, parseSpecial: true };
    expect(tokenizer.encode(text, options)).toEqual(ids('▁', 'x', '<|im_end|>', '</s>'));
    const guarded = tokenizer.encode(text, { ...options, untrusted: [[1, 11]] });
    expect(guarded).not.toContain(idOf.get('<|im_end|>'));
    expect(guarded.at(-1)).toBe(idOf.get('</s>'));
    expect(
      tokenizer
        .encode(text, {
          ...options,
          untrusted: [
            [4, 5],
            [14, 15],
          ],
        })
        .filter((id) => id < 5),
    ).toEqual([]);
  });

  test('the longest takes its places first', () => {
    const overlapping = createTokenizer(
      llamaVocabulary([['ab', USER_DEFINED], ['bcd', USER_DEFINED], 'a', 'b', 'c', 'd', '▁']),
    );
    const show = (tokens: number[]) => tokens.map((id) => overlapping.tokenText(id));
    expect(show(overlapping.encode('abcd', plain))).toEqual(['▁', 'a', 'bcd']);
  });

  test('a chat token that the converter called user-defined or normal is control all the same', () => {
    const careless = createTokenizer(
      llamaVocabulary([['<|eot_id|>', USER_DEFINED], ['<end_of_turn>', NORMAL], '▁', '<']),
    );
    const [eot, turn] = [LLAMA_HEAD.length, LLAMA_HEAD.length + 1];
    expect([...careless.stopTokens].sort()).toEqual([2, 4, eot, turn].sort());
    expect(careless.encode('<|eot_id|><end_of_turn>')).not.toContain(eot);
    expect(careless.encode('<|eot_id|>', { parseSpecial: true })).toContain(eot);
  });

  test('Phi-3 tokens swallow the white space after them', () => {
    const phi = createTokenizer(
      llamaVocabulary([['<|end|>', CONTROL], 'x', '▁', '\n'], { 'general.name': 'Phi-3 mini' }),
    );
    expect(phi.encode('<|end|>\n x', { addSpecial: false, parseSpecial: true })).toHaveLength(3);
  });
});

describe('BOS and EOS', () => {
  test('one BOS, never two', () => {
    expect(tokenizer.encode('hola')).toEqual([1, ...ids('▁hola')]);
    expect(tokenizer.encode('')).toEqual([1]);
    expect(tokenizer.encode('<s>hola', { parseSpecial: true })).toEqual([1, ...ids('▁hola')]);
  });

  test('as the metadata says', () => {
    const asked = { 'tokenizer.ggml.add_bos_token': false, 'tokenizer.ggml.add_eos_token': true };
    const other = createTokenizer(llamaVocabulary(PIECES, asked));
    expect(other.encode('hola')).toEqual([...ids('▁hola'), 2]);
    expect(other.encode('hola</s>', { parseSpecial: true })).toEqual([...ids('▁hola'), 2]);
  });

  test('ids that the file leaves out or misstates are llama.cpp’s defaults', () => {
    const absent = createTokenizer(
      llamaVocabulary(PIECES, { 'tokenizer.ggml.bos_token_id': undefined, 'tokenizer.ggml.eos_token_id': 2 ** 32 - 1 }),
    );
    expect([absent.bosToken, absent.eosToken]).toEqual([1, 2]);
  });
});

describe('decoding', () => {
  test.each(['', ' ', '  hola', 'hola  mundo ', '\ufeffx', 'a\n\nb\n', 'ñ😀\u0301', '▁', '\0'])(
    'gives %j back',
    (text) => {
      for (const spacePrefix of ['never', 'first', 'afterSpecial'] as const) {
        const chosen = createTokenizer(llamaVocabulary(PIECES), { spacePrefix });
        expect(chosen.decode(chosen.encode(text))).toBe(text.replaceAll('▁', ' '));
      }
    },
  );

  test('a continuation keeps its first space', () => {
    expect(tokenizer.decode(ids('▁mundo'))).toBe('mundo');
    expect(tokenizer.decode(ids('▁mundo'), { continuation: true })).toBe(' mundo');
    expect(tokenizer.stream().push(idOf.get('▁mundo')!)).toBe(' mundo');
  });

  test('half a surrogate pair is U+FFFD', () => {
    expect(tokenizer.decode(tokenizer.encode('x\ud800'))).toBe('x\ufffd');
  });

  test('an id outside the vocabulary is named', () => {
    for (const id of [-1, 0.5, Number.NaN, tokenizer.vocabLength]) {
      expect(() => tokenizer.decode([id])).toThrow(TokenizerError);
    }
  });
});

describe('streaming', () => {
  test('never emits half a character', () => {
    const stream = tokenizer.stream();
    const parts = ids('<0xF0>', '<0x9F>', '<0x98>', '<0x80>', 'x', '<0xC3>').map((id) => stream.push(id));
    expect(parts).toEqual(['', '', '', '😀', 'x', '']);
    expect(stream.end()).toBe('\ufffd');
  });

  test('a byte order mark is text', () => {
    const stream = tokenizer.stream();
    expect(ids('<0xEF>', '<0xBB>', '<0xBF>', 'x').map((id) => stream.push(id))).toEqual(['', '', '\ufeff', 'x']);
  });

  test('control tokens are shown on demand', () => {
    expect(tokenizer.decode([1, 4])).toBe('');
    expect(tokenizer.decode([1, 4], { special: true })).toBe('<s><|im_end|>');
  });
});

describe('NFC', () => {
  const nfc = createTokenizer(llamaVocabulary(['é', '▁', 'e', '\u0301', 'ậ']), { nfc: true });
  const show = (text: string) => nfc.encode(text, plain).map((id) => nfc.tokenText(id));
  test('joins what one character decomposes to', () => {
    expect(show('e\u0301')).toEqual(['▁', 'é']);
    expect(nfc.decode(nfc.encode('\u1112\u1161\u11ab'))).toBe('한');
  });

  test('leaves marks in their order, as SentencePiece does', () => {
    expect(nfc.decode(nfc.encode('\u0651\u064e'))).toBe('\u0651\u064e');
    expect(nfc.decode(nfc.encode('a\u0302\u0323'))).toBe('â\u0323');
  });
});

describe('files that can’t be right', () => {
  test.each([
    ['no tokenizer', { 'tokenizer.ggml.model': undefined }, /no tokenizer/],
    ['an unknown kind', { 'tokenizer.ggml.model': 'rwkv' }, /"rwkv"/],
    ['too few scores', { 'tokenizer.ggml.scores': Float32Array.of(1) }, /scores has 1 entries/],
    ['no pieces', { 'tokenizer.ggml.tokens': [] }, /no tokens/],
    ['too few types', { 'tokenizer.ggml.token_type': Int32Array.of(1) }, /token_type has 1 entries/],
  ])('%s', (_, change, message) => {
    expect(() => createTokenizer(llamaVocabulary(PIECES, change))).toThrow(message);
  });
});

test('hostile texts take no longer than others of their length', { timeout: 20_000 }, () => {
  const large = createTokenizer(llamaVocabulary(syntheticPieces(20_000)));
  for (const text of ['a'.repeat(3e5), ' '.repeat(3e5), 'ab'.repeat(2e5), '<'.repeat(3e5), '😀'.repeat(1e5)]) {
    expect(large.decode(large.encode(text, { parseSpecial: true }))).toBe(text);
  }
});

test('256,000 pieces are ready in a moment', () => {
  const vocabulary = llamaVocabulary(syntheticPieces(255_739));
  const start = performance.now();
  const large = createTokenizer(vocabulary);
  expect(large.vocabLength).toBe(256_000);
  expect(performance.now() - start).toBeLessThan(1500);
});
