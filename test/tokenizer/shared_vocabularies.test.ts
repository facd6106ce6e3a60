/** Id by id against llama.cpp and SentencePiece, where the shared data is present. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Metadata } from '../../src/gguf/metadata.ts';
import { closeGguf } from '../../src/gguf/open.ts';
import { openModel } from '../../src/runtime/node_file.ts';
import { createTokenizer, type TokenizerOptions } from '../../src/tokenizer/index.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';

const plain = { addSpecial: false };

async function readMetadata(file: string): Promise<Metadata> {
  const gguf = await openModel(sharedData(`vocab/${file}`));
  await closeGguf(gguf);
  return gguf.metadata;
}

const readLines = (file: string) => readFileSync(sharedData(`vocab/${file}`), 'utf8').split('\n');

describe.skipIf(!hasSharedData)('texts.json', () => {
  let texts: string[];
  beforeAll(() => {
    texts = JSON.parse(readFileSync(sharedData('vocab/texts.json'), 'utf8')).map((item: { text: string }) => item.text);
  });

  const first: TokenizerOptions = { spacePrefix: 'first' };
  test.each([
    ['alia-like-8k.vocab.gguf', 'alia-like-8k.llamacpp.ids', {}],
    ['alia-like-8k.vocab.gguf', 'alia-like-8k.llamacpp.parse_special.ids', { parseSpecial: true }],
    ['alia-like-8k-noprefix.vocab.gguf', 'alia-like-8k-noprefix.llamacpp.ids', {}],
    ['ggml-vocab-llama-spm.gguf', 'llama-spm.llamacpp.ids', {}],
    ['ggml-vocab-gpt-2.gguf', 'gpt-2.llamacpp.ids', {}],
    ['alia-like-8k.vocab.gguf', 'alia-like-8k.sentencepiece.ids', { ...first }],
    ['alia-like-8k.vocab.gguf', 'alia-like-8k.sentencepiece.ids', { ...first, nfc: true }],
    ['alia-like-8k-noprefix.vocab.gguf', 'alia-like-8k-noprefix.sentencepiece.ids', { nfc: true }],
  ] as [string, string, TokenizerOptions & { parseSpecial?: boolean }][])(
    '%s: %s %j',
    async (file, idsFile, options) => {
      const tokenizer = createTokenizer(await readMetadata(file), options);
      const expected = readLines(idsFile);
      // Without NFC of our own, SentencePiece's ids can only agree on texts that it left as they were.
      const unchanged = (text: string) =>
        !idsFile.includes('sentencepiece') || options.nfc || text === text.normalize('NFC');
      const differing = texts.filter((text, i) => {
        const ids = tokenizer.encode(text, { ...plain, parseSpecial: options.parseSpecial ?? false }).join(' ');
        return unchanged(text) && ids !== expected[i];
      });
      expect(differing).toEqual([]);
      if (!options.nfc && !options.parseSpecial) {
        expect(texts.filter((text) => tokenizer.decode(tokenizer.encode(text)) !== text)).toEqual([]);
      }
    },
  );
});

test.skipIf(!hasSharedData).each(['ggml-vocab-llama-spm.gguf', 'ggml-vocab-gpt-2.gguf'])(
  '%s: llama.cpp’s own vectors',
  async (file) => {
    const tokenizer = createTokenizer(await readMetadata(file));
    const inputs = readFileSync(sharedData(`vocab/${file}.inp`), 'utf8').split('\n__ggml_vocab_test__\n');
    const outputs = readLines(`${file}.out`).map((line) => line.trim());
    expect(inputs.map((text) => tokenizer.encode(text, plain).join(' '))).toEqual(outputs.slice(0, inputs.length));
  },
);

test.skipIf(!hasSharedData)('stories: “Once upon a time”', async () => {
  const tokenizer = createTokenizer(await readMetadata('tok512.vocab.gguf'));
  expect(tokenizer.encode('Once upon a time')).toEqual([1, 403, 407, 261, 378]);
});
