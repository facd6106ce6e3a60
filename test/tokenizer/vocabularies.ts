/** Small vocabularies made in memory, as the metadata of a GGUF file would carry them. */
import { createMetadata, type Metadata, type MetadataEntry } from '../../src/gguf/metadata.ts';

export const NORMAL = 1;
export const UNKNOWN = 2;
export const CONTROL = 3;
export const USER_DEFINED = 4;
export const BYTE = 6;

export type Piece = readonly [text: string, type?: number];

/** `<unk>`, `<s>`, `</s>`, chat tokens and the 256 bytes, as llama's vocabularies begin. */
export const LLAMA_HEAD: readonly Piece[] = [
  ['<unk>', UNKNOWN],
  ['<s>', CONTROL],
  ['</s>', CONTROL],
  ['<|im_start|>', CONTROL],
  ['<|im_end|>', CONTROL],
  ...Array.from({ length: 256 }, (_, byte): Piece => [`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, BYTE]),
];

/** A SentencePiece vocabulary: LLAMA_HEAD, then `pieces` with falling scores. */
export function llamaVocabulary(pieces: readonly (string | Piece)[], more: Record<string, unknown> = {}): Metadata {
  const all = [...LLAMA_HEAD, ...pieces.map((piece): Piece => (typeof piece === 'string' ? [piece] : piece))];
  return metadata({
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': all.map(([text]) => text),
    'tokenizer.ggml.token_type': Int32Array.from(all, ([, type]) => type ?? NORMAL),
    'tokenizer.ggml.scores': Float32Array.from(all, ([, type], id) =>
      (type ?? NORMAL) === NORMAL ? LLAMA_HEAD.length - id : 0,
    ),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    ...more,
  });
}

/** A byte-level vocabulary: the 256 bytes, what `merges` make, then `special` pieces. */
export function gpt2Vocabulary(
  merges: readonly string[],
  special: readonly Piece[] = [],
  more: Record<string, unknown> = {},
): Metadata {
  const texts = new Set([...byteLetters(), ...merges.map((merge) => merge.replace(' ', ''))]);
  const all = [...[...texts].map((text): Piece => [text]), ...special];
  return metadata({
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'gpt-2',
    'tokenizer.ggml.tokens': all.map(([text]) => text),
    'tokenizer.ggml.token_type': Int32Array.from(all, ([, type]) => type ?? NORMAL),
    'tokenizer.ggml.merges': merges,
    ...more,
  });
}

/** GPT-2's letter for each byte: printable Latin-1 as it is, the rest from U+0100 on. */
function byteLetters(): string[] {
  let next = 0x100;
  const isPrintable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}

/** `undefined` leaves a key out. */
export function metadata(values: Record<string, unknown>): Metadata {
  const entries = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, { type: typeOf(value), value }] as [string, MetadataEntry]);
  return createMetadata('test', new Map(entries));
}

function typeOf(value: unknown): string {
  if (typeof value === 'number') return 'uint32';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof Float32Array) return 'array<float32>';
  if (value instanceof Int32Array) return 'array<int32>';
  return 'array<string>';
}

/** A vocabulary of `count` mergeable pieces, each made of two earlier ones, the same for each `seed`. */
export function syntheticPieces(count: number, seed = 1): string[] {
  const random = seededRandom(seed);
  const pieces = ['▁', ...'abcdefghijklmnopqrstuvwxyzáéíóúñçü,.;:0123456789'];
  const seen = new Set(pieces);
  while (pieces.length < count) {
    // Squared, so that short pieces are the parts of many, as in a trained vocabulary.
    const left = pieces[Math.floor(random() ** 2 * pieces.length)]!;
    const right = pieces[Math.floor(random() ** 2 * Math.min(pieces.length, 4000))]!;
    const piece = left + right;
    if (right.includes('▁') || piece.length > 16 || seen.has(piece)) continue;
    seen.add(piece);
    pieces.push(piece);
  }
  return pieces;
}

/** Numbers in [0, 1), the same for each seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
