import type { Metadata } from '../gguf/metadata.ts';
import { GgufTokenizer } from './gguf_tokenizer.ts';
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
  if (kind !== 'llama') {
    throw new TokenizerError(`tokenizer.ggml.model is ${JSON.stringify(kind)}; llama can be read`);
  }
  const vocabulary = readVocabulary(metadata);
  const spacePrefix = options.spacePrefix ?? defaultSpacePrefix(metadata);
  const model = new SentencePiece(metadata, vocabulary, {
    matchesUserDefined: spacePrefix === 'first',
    nfc: options.nfc ?? false,
  });
  return new GgufTokenizer(vocabulary, model, {
    addBos: metadata.boolean('tokenizer.ggml.add_bos_token', true),
    addEos: metadata.boolean('tokenizer.ggml.add_eos_token', false),
    spacePrefix,
    stopTokens: findStopTokens(metadata, vocabulary),
    stripsRight: tokensThatStripRight(metadata, vocabulary),
  });
}

function defaultSpacePrefix(metadata: Metadata): SpacePrefix {
  return metadata.boolean('tokenizer.ggml.add_space_prefix', true) ? 'afterSpecial' : 'never';
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
