/**
 * A made-up vocabulary for random models: a valid `llama` tokenizer of any size whose words are easy on the eye.
 * Special tokens stand where ALIA has them, then all bytes, then characters, syllables and words of syllables.
 */
import type { MetadataInput } from '../gguf/writer.ts';

/** tokenizer.ggml.token_type: normal 1, unknown 2, control 3, byte 6. */
const specials: readonly (readonly [string, number])[] = [
  ['<unk>', 2],
  ['<s>', 3],
  ['</s>', 3],
  ['<pad>', 3],
  ['<|im_start|>', 3],
  ['<|im_end|>', 3],
];

/** Ids below are special tokens and bytes, from here on they are text. */
export const firstTextToken = specials.length + 256;

const characters = [..."▁abcdefghijklmnopqrstuvwxyz.,!?'-:;0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const syllables = [...'bcdfghjklmnprstvz'].flatMap((consonant) => [...'aeiou'].map((vowel) => consonant + vowel));

const chatTemplate = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}`;

/** The `tokenizer.*` keys for `length` tokens; at least one of them must be text. */
export function randomVocabulary(length: number): (readonly [string, MetadataInput])[] {
  if (!(length > firstTextToken)) throw new RangeError(`a vocabulary needs more than ${firstTextToken} tokens`);
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const text = Array.from({ length: length - firstTextToken }, (_, i) => textPiece(i));
  const types = new Int32Array(length).fill(1).fill(6, specials.length, firstTextToken);
  types.set(specials.map(([, type]) => type));
  // What comes first is merged first: syllables before words.
  const scores = Float32Array.from({ length }, (_, id) => Math.min(0, firstTextToken - id));
  return [
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.pre', 'default'],
    ['tokenizer.ggml.tokens', [...specials.map(([piece]) => piece), ...bytes, ...text]],
    ['tokenizer.ggml.scores', scores],
    ['tokenizer.ggml.token_type', types],
    ['tokenizer.ggml.unknown_token_id', { type: 'uint32', value: 0 }],
    ['tokenizer.ggml.bos_token_id', { type: 'uint32', value: 1 }],
    ['tokenizer.ggml.eos_token_id', { type: 'uint32', value: 2 }],
    ['tokenizer.ggml.padding_token_id', { type: 'uint32', value: 3 }],
    ['tokenizer.ggml.add_bos_token', true],
    ['tokenizer.ggml.add_eos_token', false],
    ['tokenizer.ggml.add_space_prefix', true],
    ['tokenizer.chat_template', chatTemplate],
  ];
}

/** Characters, then every word in order of length, each inside a word (`ba`) and at the start of one (`▁ba`). */
function textPiece(index: number): string {
  if (index < characters.length) return characters[index]!;
  const rest = index - characters.length;
  return (rest % 2 === 0 ? '' : '▁') + word(rest >> 1);
}

/** The index-th string over the syllables: all of one syllable, then all of two, and so on. */
function word(index: number): string {
  const last = syllables[index % syllables.length]!;
  return index < syllables.length ? last : word(Math.floor(index / syllables.length) - 1) + last;
}
