/** Texts and grammars without a model: a vocabulary of bytes, and of some longer pieces. */

import { Random } from '../../kernels/case_data.ts';
import { type GrammarOptions, Grammars, type JsonSchema } from '../../src/grammar/index.ts';
import type { TokenBytes } from '../../src/grammar/token_masks.ts';

const utf8 = new TextEncoder();
const pieces = [
  '{"',
  '": "',
  '", "',
  '"}',
  '":',
  'true',
  'false',
  'null',
  ' the',
  ' end',
  'ab',
  'é',
  '日本',
  '\\"',
  '\\u',
  '[{',
  '}]',
  '12',
  '. ',
  '  ',
];

/** Ids are bytes, then the pieces; the last two are BOS and EOS. */
export const eos = 256 + pieces.length + 1;
export const vocabulary: TokenBytes = {
  vocabLength: eos + 1,
  stopTokens: new Set([eos]),
  controlTokens: new Set([eos - 1, eos]),
  tokenBytes: (token) => (token < 256 ? Uint8Array.of(token) : utf8.encode(pieces[token - 256] ?? '<s>')),
};

export const grammars = new Grammars(vocabulary);

export const isAllowed = (mask: Uint32Array, token: number) => ((mask[token >>> 5]! >>> (token & 31)) & 1) === 1;

/** Whether a whole text is one of the grammar, written byte by byte. */
export function accepts(options: GrammarOptions, text: string): boolean {
  const constraint = grammars.constraintOf(options)!;
  for (const byte of utf8.encode(text)) {
    if (!isAllowed(constraint.mask, byte)) return false;
    constraint.advance(byte);
  }
  return isAllowed(constraint.mask, eos);
}

export const acceptsJson = (schema: JsonSchema, value: unknown) =>
  accepts({ responseFormat: { type: 'json_schema', schema } }, JSON.stringify(value));

/** A text of the grammar by chance; after `length` tokens it ends as soon as it can, and takes what closes it. */
export function randomText(options: GrammarOptions, seed: number, length = 40): string {
  const random = new Random(seed);
  const constraint = grammars.constraintOf(options)!;
  const closing = [...utf8.encode('"}],:.-/@ 0123456789abcdefZzT')];
  const bytes: number[] = [];
  for (let count = 0; count < 4000; count++) {
    const { mask } = constraint;
    const choices = Array.from({ length: vocabulary.vocabLength }, (_, token) => token).filter((token) =>
      isAllowed(mask, token),
    );
    const closers = count > length ? closing.filter((byte) => choices.includes(byte)) : [];
    const isEnded = count > length && choices.includes(eos);
    const from = closers.length > 0 ? closers : choices;
    const token = isEnded ? eos : from[random.below(from.length)]!;
    if (token === eos) return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
    bytes.push(...vocabulary.tokenBytes(token));
    constraint.advance(token);
    if (constraint.isOver) return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
  }
  throw new Error(`no end: ${new TextDecoder().decode(Uint8Array.from(bytes.slice(0, 200)))}`);
}

/** A text by chance that goes on as long as it may, with so many tokens at most; undefined where it is not whole then. */
export function longText(options: GrammarOptions, seed: number, maxTokens: number) {
  const random = new Random(seed);
  const constraint = grammars.constraintOf(options, maxTokens)!;
  const bytes: number[] = [];
  for (let count = 0; count < maxTokens && !constraint.isOver; count++) {
    const { mask } = constraint;
    const choices = Array.from({ length: eos }, (_, token) => token).filter((token) => isAllowed(mask, token));
    if (choices.length === 0) break;
    const token = choices[random.below(choices.length)]!;
    bytes.push(...vocabulary.tokenBytes(token));
    constraint.advance(token);
  }
  const isWhole = constraint.isOver || isAllowed(constraint.mask, eos);
  const text = isWhole ? new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes)) : undefined;
  return { text, isCurtailed: constraint.isCurtailed };
}
