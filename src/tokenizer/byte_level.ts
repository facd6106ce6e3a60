import { ByteLevelPreTokenizer } from '@huggingface/tokenizers';
import type { Metadata } from '../gguf/metadata.ts';
import { MergeTable } from './merge_table.ts';
import { Merger } from './merges.ts';
import type { TokenModel } from './model.ts';
import { type PreTokenizer, wordSplitter } from './pre_tokenizers.ts';
import { TokenType } from './token_type.ts';
import type { Vocabulary } from './vocabulary.ts';
import { WordCache } from './word_cache.ts';

/** GPT-2's letters for bytes, so that a vocabulary is text: the space is `Ġ`. */
const letterOfByte = new ByteLevelPreTokenizer({ type: 'ByteLevel' }).byte_encoder;
const byteOfLetter = new Map(Object.entries(letterOfByte).map(([byte, letter]) => [letter, Number(byte)]));

const utf8 = new TextEncoder();

/**
 * `tokenizer.ggml.model` = `gpt2`: byte-level BPE. A text is cut into words by patterns, and the bytes of each word are merged
 * in the order of `tokenizer.ggml.merges`.
 */
export class ByteLevel implements TokenModel {
  readonly matchesUserDefined = false;
  readonly #vocabulary: Vocabulary;
  readonly #nfc: boolean;
  readonly #splitWords: (text: string) => string[];
  /** Every text that may come out of merging; what the vocabulary lacks has a number beyond its ids. */
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #lettersBeyond: readonly string[];
  readonly #byteTokens: Int32Array;
  readonly #merges: MergeTable;
  readonly #merger: Merger;
  readonly #ignoreMerges: boolean;
  readonly #words = new WordCache();
  readonly #merge = (word: string, tokens: number[]) => this.#mergeWord(word, tokens);

  constructor(metadata: Metadata, vocabulary: Vocabulary, preTokenizer: PreTokenizer, nfc: boolean) {
    const { texts, types } = vocabulary;
    this.#vocabulary = vocabulary;
    this.#nfc = nfc;
    this.#splitWords = wordSplitter(preTokenizer.patterns);
    this.#ignoreMerges = preTokenizer.ignoreMerges ?? false;

    const numbers = new Map<string, number>();
    for (let token = 0; token < texts.length; token++) {
      // Merging must never arrive at a control token.
      if (types[token] !== TokenType.control && types[token] !== TokenType.unknown) numbers.set(texts[token]!, token);
    }
    const lettersBeyond: string[] = [];
    const numberOf = (letters: string): number => {
      let number = numbers.get(letters);
      if (number === undefined) {
        number = texts.length + lettersBeyond.push(letters) - 1;
        numbers.set(letters, number);
      }
      return number;
    };
    this.#byteTokens = Int32Array.from({ length: 256 }, (_, byte) => numberOf(letterOfByte[byte]!));
    this.#merges = new MergeTable(readMerges(metadata, numberOf));
    this.#merger = new Merger(Int32Array.from(this.#merges.results, (_, rank) => -rank));
    this.#numbers = numbers;
    this.#lettersBeyond = lettersBeyond;
  }

  encode(text: string, spacePrefix: boolean, tokens: number[]): void {
    const prefixed = (spacePrefix ? ' ' : '') + (this.#nfc ? text.normalize('NFC') : text);
    for (const word of this.#splitWords(prefixed)) {
      this.#words.append(word, tokens, this.#merge);
    }
  }

  bytes(token: number): Uint8Array {
    const text = this.#vocabulary.texts[token]!;
    const type = this.#vocabulary.types[token];
    if (type === TokenType.byte) return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16));
    if (type !== TokenType.normal && type !== TokenType.unused) return utf8.encode(text);
    const letters = [...text];
    const bytes = letters.map((letter) => byteOfLetter.get(letter));
    if (bytes.includes(undefined)) return utf8.encode(text);
    return Uint8Array.from(bytes as number[]);
  }

  #mergeWord(word: string, tokens: number[]): void {
    const bytes = utf8.encode(word);
    if (this.#ignoreMerges) {
      let letters = '';
      for (const byte of bytes) letters += letterOfByte[byte];
      const token = this.#numbers.get(letters);
      if (token !== undefined && token < this.#vocabulary.texts.length) {
        tokens.push(token);
        return;
      }
    }
    const merger = this.#merger;
    merger.reserve(bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      merger.tokens[i] = this.#byteTokens[bytes[i]!]!;
      merger.ends[i] = i + 1;
    }
    merger.run(
      bytes.length,
      (left, right) => this.#merges.rankOf(merger.tokens[left]!, merger.tokens[right]!),
      (rank) => this.#merges.results[rank]!,
    );
    for (let symbol = 0; symbol >= 0; symbol = merger.next[symbol]!) this.#push(merger.tokens[symbol]!, tokens);
  }

  /** A result that is no token falls back to the tokens of its letters, and where there are none to the unknown token, if any. */
  #push(number: number, tokens: number[]): void {
    const { texts, unknownToken } = this.#vocabulary;
    if (number < texts.length) {
      tokens.push(number);
      return;
    }
    for (const letter of this.#lettersBeyond[number - texts.length]!) {
      const token = this.#numbers.get(letter)!;
      if (token < texts.length) tokens.push(token);
      else if (unknownToken !== undefined) tokens.push(unknownToken);
    }
  }
}

/** [left, right, result] of each rank. A merge is written `left right`; the left may begin with a space. */
function readMerges(metadata: Metadata, numberOf: (letters: string) => number): Int32Array {
  const lines = metadata.strings('tokenizer.ggml.merges');
  const merges = new Int32Array(3 * lines.length);
  for (let rank = 0; rank < lines.length; rank++) {
    const line = lines[rank]!;
    const space = line.indexOf(' ', 1);
    const left = line.slice(0, Math.max(space, 0));
    const right = line.slice(space + 1);
    merges.set([numberOf(left), numberOf(right), numberOf(left + right)], 3 * rank);
  }
  return merges;
}
