import type { Metadata } from '../gguf/metadata.ts';
import { isControlText } from './control_texts.ts';
import { TokenType } from './token_type.ts';
import { TokenizerError } from './tokenizer.ts';

/** The pieces of a GGUF file by id. */
export interface Vocabulary {
  readonly texts: readonly string[];
  /** `TokenType` by id; control-looking texts are control whatever the file says. */
  readonly types: Uint8Array;
  readonly bosToken: number | undefined;
  readonly eosToken: number | undefined;
  readonly unknownToken: number | undefined;
}

/** Special ids where the file names none, by `tokenizer.ggml.model`, as llama.cpp has them. */
const DEFAULT_IDS: Record<string, { bos: number; eos: number; unknown: number }> = {
  llama: { bos: 1, eos: 2, unknown: 0 },
};

/** Throws `TokenizerError` where there are no tokens, or the arrays do not fit together. */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const texts = metadata.strings('tokenizer.ggml.tokens');
  if (texts.length === 0) throw new TokenizerError('tokenizer.ggml.tokens has no tokens');
  const types = new Uint8Array(texts.length).fill(TokenType.normal);
  if (metadata.has('tokenizer.ggml.token_type')) {
    const stored = metadata.numbers('tokenizer.ggml.token_type');
    requireLength('tokenizer.ggml.token_type', stored.length, texts.length);
    for (let id = 0; id < texts.length; id++) types[id] = stored[id]!;
  } else {
    for (let id = 0; id < texts.length; id++) if (/^<0x[0-9A-F]{2}>$/.test(texts[id]!)) types[id] = TokenType.byte;
  }
  for (let id = 0; id < texts.length; id++) {
    if (isControlText(texts[id]!, types[id]!)) types[id] = TokenType.control;
  }

  const defaults = DEFAULT_IDS[metadata.string('tokenizer.ggml.model')];
  const idOf = (name: string, fallback?: number) => specialId(metadata, name, fallback, texts.length);
  return {
    texts,
    types,
    bosToken: idOf('bos', defaults?.bos),
    eosToken: idOf('eos', defaults?.eos),
    unknownToken: idOf('unknown', defaults?.unknown),
  };
}

/** `tokenizer.ggml.NAME_token_id`; converters write 2^32 − 1 for "none". */
export function specialId(metadata: Metadata, name: string, fallback: number | undefined, vocabLength: number) {
  const key = `tokenizer.ggml.${name}_token_id`;
  const isId = (id: number | undefined) => id !== undefined && Number.isInteger(id) && id >= 0 && id < vocabLength;
  const id = metadata.has(key) ? metadata.number(key) : undefined;
  if (isId(id)) return id;
  return isId(fallback) ? fallback : undefined;
}

export function requireLength(key: string, length: number, vocabLength: number): void {
  if (length < vocabLength) {
    throw new TokenizerError(`${key} has ${length} entries for ${vocabLength} tokens`);
  }
}
