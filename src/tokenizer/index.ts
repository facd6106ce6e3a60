import type { Metadata } from '../gguf/metadata.ts';
import { ByteLevel } from './byte_level.ts';
import { GgufTokenizer } from './gguf_tokenizer.ts';
import type { TokenModel } from './model.ts';
import { findPreTokenizer, type PreTokenizer } from './pre_tokenizers.ts';
import { SentencePiece } from './sentencepiece.ts';
import { findStopTokens } from './stops.ts';
import { TokenType } from './token_type.ts';
import { type SpacePrefix, type Tokenizer, TokenizerError, type TokenizerOptions } from './tokenizer.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

export * from './tokenizer.ts';

/** The tokenizer that a GGUF file carries. Throws `TokenizerError` where it carries none, or one of an unknown kind. */
export function createTokenizer(metadata: Metadata, options: TokenizerOptions = {}): Tokenizer {
  if (!metadata.has('tokenizer.ggml.model'))
    throw new TokenizerError('the file has no tokenizer (tokenizer.ggml.model)');
  const kind = metadata.string('tokenizer.ggml.model');
  if (kind === 'llama') return createSentencePiece(metadata, options);
  if (kind === 'gpt2') return createByteLevel(metadata, options);
  throw new TokenizerError(`tokenizer.ggml.model is ${JSON.stringify(kind)}; llama and gpt2 can be read`);
}

function createSentencePiece(metadata: Metadata, options: TokenizerOptions): Tokenizer {
  const vocabulary = readVocabulary(metadata);
  const asked = metadata.boolean('tokenizer.ggml.add_space_prefix', true) ? 'afterSpecial' : 'never';
  const spacePrefix = options.spacePrefix ?? asked;
  const model = new SentencePiece(metadata, vocabulary, {
    matchesUserDefined: spacePrefix === 'first',
    nfc: options.nfc ?? false,
  });
  return assemble(metadata, vocabulary, model, spacePrefix, true);
}

function createByteLevel(metadata: Metadata, options: TokenizerOptions): Tokenizer {
  const vocabulary = readVocabulary(metadata);
  const preTokenizer = choosePreTokenizer(metadata, options.onWarning ?? console.warn);
  const model = new ByteLevel(metadata, vocabulary, preTokenizer, options.nfc ?? false);
  return assemble(metadata, vocabulary, model, options.spacePrefix ?? 'never', preTokenizer.addBos ?? false);
}

function choosePreTokenizer(metadata: Metadata, onWarning: (message: string) => void): PreTokenizer {
  const name = metadata.string('tokenizer.ggml.pre', '');
  const known = findPreTokenizer(name);
  if (known) return known;
  const what =
    name === '' ? 'the file names no tokenizer.ggml.pre' : `tokenizer.ggml.pre ${JSON.stringify(name)} is not known`;
  onWarning(`${what}; text is split as "default" says, and tokens may differ from those the model was trained on`);
  return findPreTokenizer('default')!;
}

function assemble(
  metadata: Metadata,
  vocabulary: Vocabulary,
  model: TokenModel,
  spacePrefix: SpacePrefix,
  addBos: boolean,
): Tokenizer {
  return new GgufTokenizer(vocabulary, model, {
    addBos: metadata.boolean('tokenizer.ggml.add_bos_token', addBos),
    addEos: metadata.boolean('tokenizer.ggml.add_eos_token', false),
    spacePrefix,
    stopTokens: findStopTokens(metadata, vocabulary),
    stripsRight: tokensThatStripRight(metadata, vocabulary),
  });
}

/** Phi-3's special tokens swallow the white space after them. GGUF cannot say so; llama.cpp too goes by the name. */
function tokensThatStripRight(metadata: Metadata, { texts, types }: Vocabulary): Set<number> {
  const strips = new Set<number>();
  if (!/phi-?3/i.test(metadata.string('general.name', ''))) return strips;
  for (let token = 0; token < texts.length; token++) {
    const isSpecial = types[token] === TokenType.control || types[token] === TokenType.userDefined;
    if (isSpecial && texts[token] !== '<s>' && texts[token] !== '<|endoftext|>') strips.add(token);
  }
  return strips;
}
