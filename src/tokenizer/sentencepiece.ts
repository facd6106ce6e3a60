import type { Metadata } from '../gguf/metadata.ts';
import { Merger } from './merges.ts';
import type { TokenModel } from './model.ts';
import { normalizeLikeSentencePiece } from './normalize.ts';
import { SpecialTokens } from './special_tokens.ts';
import { TokenType } from './token_type.ts';
import { TokenizerError } from './tokenizer.ts';
import { requireLength, type Vocabulary } from './vocabulary.ts';
import { WordCache } from './word_cache.ts';

/** SentencePiece's visible space. */
const SPACE = '▁';
/** Slots for what two neighbouring tokens merge to, so that their joint text is not looked up again; a power of two. */
const CACHED_PAIRS = 1 << 16;

const utf8 = new TextEncoder();

/**
 * `tokenizer.ggml.model` = `llama`: SentencePiece BPE. There is no merge table: two neighbours merge where their joint text is
 * a piece, the piece of the highest score first. What is no piece falls back to its bytes.
 */
export class SentencePiece implements TokenModel {
  readonly matchesUserDefined: boolean;
  readonly #vocabulary: Vocabulary;
  readonly #pieces = new Map<string, number>();
  readonly #longestPiece: number;
  readonly #byteTokens: Int32Array;
  readonly #userDefined: SpecialTokens;
  readonly #merger: Merger;
  /** No piece goes over the border between a letter and a space, so that each word can be encoded alone. */
  readonly #wordsAreApart: boolean;
  readonly #nfc: boolean;
  readonly #words = new WordCache();
  readonly #merge = (word: string, tokens: number[]) => this.#mergeWord(word, tokens);
  readonly #pairs = {
    lefts: new Int32Array(CACHED_PAIRS).fill(-1),
    rights: new Int32Array(CACHED_PAIRS),
    pieces: new Int32Array(CACHED_PAIRS),
  };

  /** `matchesUserDefined`: user-defined pieces are found in the text after its space prefix, as SentencePiece does. */
  constructor(metadata: Metadata, vocabulary: Vocabulary, options: { matchesUserDefined: boolean; nfc: boolean }) {
    const { matchesUserDefined } = options;
    const { texts, types } = vocabulary;
    this.#vocabulary = vocabulary;
    this.#nfc = options.nfc;
    this.matchesUserDefined = matchesUserDefined;
    this.#byteTokens = new Int32Array(256).fill(-1);
    const userDefined: [string, number][] = [];
    let longestPiece = 0;
    let wordsAreApart = true;
    for (let token = 0; token < texts.length; token++) {
      const text = texts[token]!;
      const type = types[token]!;
      if (type === TokenType.byte) this.#byteTokens[byteOf(text)] = token;
      // Merging must never arrive at a control token, however the text around it is cut.
      if (text === '' || type === TokenType.byte || type === TokenType.control || type === TokenType.unknown) continue;
      if (type === TokenType.userDefined) userDefined.push([text.replaceAll(' ', SPACE), token]);
      this.#pieces.set(text, token);
      longestPiece = Math.max(longestPiece, text.length);
      wordsAreApart &&= !hasInnerSpace(text);
    }
    this.#longestPiece = longestPiece;
    this.#wordsAreApart = wordsAreApart;
    this.#userDefined = new SpecialTokens(matchesUserDefined ? userDefined : []);
    this.#merger = new Merger(readScores(metadata, texts.length));
  }

  encode(text: string, spacePrefix: boolean, tokens: number[]): void {
    const normalized = this.#nfc ? normalizeLikeSentencePiece(text) : text;
    const escaped = (spacePrefix ? SPACE : '') + normalized.replaceAll(' ', SPACE);
    let start = 0;
    if (!this.#userDefined.isEmpty) {
      for (const span of this.#userDefined.findLeftmost(escaped)) {
        this.#encodeWords(escaped.slice(start, span.start), tokens);
        tokens.push(span.token);
        start = span.end;
      }
    }
    this.#encodeWords(escaped.slice(start), tokens);
  }

  bytes(token: number): Uint8Array {
    const text = this.#vocabulary.texts[token]!;
    switch (this.#vocabulary.types[token]) {
      case TokenType.byte:
        return Uint8Array.of(byteOf(text));
      case TokenType.control:
      case TokenType.unknown:
        return utf8.encode(text);
      default:
        return utf8.encode(text.replaceAll(SPACE, ' '));
    }
  }

  #encodeWords(text: string, tokens: number[]): void {
    if (!this.#wordsAreApart) {
      this.#encodeWord(text, tokens);
      return;
    }
    let start = 0;
    for (let end = text.indexOf(SPACE, 1); end >= 0; end = text.indexOf(SPACE, end + 1)) {
      if (text[end - 1] === SPACE) continue;
      this.#encodeWord(text.slice(start, end), tokens);
      start = end;
    }
    this.#encodeWord(text.slice(start), tokens);
  }

  #encodeWord(word: string, tokens: number[]): void {
    this.#words.append(word, tokens, this.#merge);
  }

  #mergeWord(word: string, tokens: number[]): void {
    const merger = this.#merger;
    merger.reserve(word.length);
    let symbolCount = 0;
    for (let start = 0, end = 0; start < word.length; start = end) {
      end += word.codePointAt(start)! > 0xffff ? 2 : 1;
      merger.tokens[symbolCount] = this.#pieces.get(word.slice(start, end)) ?? -1;
      merger.ends[symbolCount++] = end;
    }
    merger.run(
      symbolCount,
      (left, right) => this.#findPiece(word, left, right),
      (piece) => piece,
    );
    for (let symbol = 0; symbol >= 0; symbol = merger.next[symbol]!) {
      const token = merger.tokens[symbol]!;
      if (token >= 0) tokens.push(token);
      else this.#pushBytes(word.slice(merger.startOf(symbol), merger.ends[symbol]), tokens);
    }
  }

  /** The piece that two neighbouring symbols make, or −1. */
  #findPiece(word: string, left: number, right: number): number {
    const { lefts, rights, pieces } = this.#pairs;
    const leftToken = this.#merger.tokens[left]!;
    const rightToken = this.#merger.tokens[right]!;
    const hash = Math.imul(leftToken, 0x9e3779b1) + Math.imul(rightToken, 0x85ebca6b);
    const slot = (hash >>> 12) & (CACHED_PAIRS - 1);
    if (lefts[slot] === leftToken && rights[slot] === rightToken && leftToken >= 0) return pieces[slot]!;
    const start = this.#merger.startOf(left);
    const end = this.#merger.ends[right]!;
    const piece = end - start > this.#longestPiece ? -1 : (this.#pieces.get(word.slice(start, end)) ?? -1);
    if (rightToken >= 0) {
      lefts[slot] = leftToken;
      rights[slot] = rightToken;
      pieces[slot] = piece;
    }
    return piece;
  }

  #pushBytes(character: string, tokens: number[]): void {
    const bytes = utf8.encode(character);
    if (bytes.every((byte) => this.#byteTokens[byte]! >= 0)) {
      for (const byte of bytes) tokens.push(this.#byteTokens[byte]!);
    } else {
      tokens.push(this.#vocabulary.unknownToken ?? 0);
    }
  }
}

function readScores(metadata: Metadata, vocabLength: number): Float32Array {
  const key = 'tokenizer.ggml.scores';
  if (!metadata.has(key)) return new Float32Array(vocabLength);
  const scores = metadata.numbers(key);
  requireLength(key, scores.length, vocabLength);
  return Float32Array.from(scores);
}

/** A byte piece is written `<0x0A>`. */
function byteOf(text: string): number {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(text);
  if (!match) throw new TokenizerError(`the vocabulary calls ${JSON.stringify(text)} a byte; bytes are written <0x0A>`);
  return Number.parseInt(match[1]!, 16);
}

function hasInnerSpace(text: string): boolean {
  for (let i = text.indexOf(SPACE, 1); i >= 0; i = text.indexOf(SPACE, i + 1)) {
    if (text[i - 1] !== SPACE) return true;
  }
  return false;
}
