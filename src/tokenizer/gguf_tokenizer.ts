import type { TokenModel } from './model.ts';
import { type Span, SpecialTokens } from './special_tokens.ts';
import { Utf8Stream } from './text_stream.ts';
import { TokenType } from './token_type.ts';
import {
  type DecodeOptions,
  type EncodeOptions,
  type SpacePrefix,
  type TextRange,
  type TextStream,
  type Tokenizer,
  TokenizerError,
} from './tokenizer.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What the metadata and the options settle, beside the vocabulary and its model. */
export interface TokenizerSettings {
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly spacePrefix: SpacePrefix;
  readonly stopTokens: ReadonlySet<number>;
  /** Tokens that swallow the white space after them. */
  readonly stripsRight: ReadonlySet<number>;
}

const NOTHING = new Uint8Array(0);
const BLANK = 0x20;

/** The way that all vocabularies share: special tokens out of the text, the rest through the vocabulary's model. */
export class GgufTokenizer implements Tokenizer {
  readonly vocabLength: number;
  readonly controlTokens: ReadonlySet<number>;
  readonly #vocabulary: Vocabulary;
  readonly #model: TokenModel;
  readonly #settings: TokenizerSettings;
  readonly #plain: SpecialTokens;
  readonly #special: SpecialTokens;

  constructor(vocabulary: Vocabulary, model: TokenModel, settings: TokenizerSettings) {
    const { texts, types } = vocabulary;
    this.#vocabulary = vocabulary;
    this.#model = model;
    this.#settings = settings;
    this.vocabLength = texts.length;
    const control: [string, number][] = [];
    const userDefined: [string, number][] = [];
    for (let token = 0; token < texts.length; token++) {
      if (isControl(types[token]!)) control.push([texts[token]!, token]);
      else if (types[token] === TokenType.userDefined) userDefined.push([texts[token]!, token]);
    }
    this.controlTokens = new Set(control.map(([, token]) => token));
    const matchedHere = model.matchesUserDefined ? [] : userDefined;
    this.#plain = new SpecialTokens(matchedHere, settings.stripsRight);
    this.#special = new SpecialTokens([...control, ...matchedHere], settings.stripsRight);
  }

  get bosToken(): number | undefined {
    return this.#vocabulary.bosToken;
  }

  get eosToken(): number | undefined {
    return this.#vocabulary.eosToken;
  }

  get stopTokens(): ReadonlySet<number> {
    return this.#settings.stopTokens;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const { bosToken, eosToken } = this.#vocabulary;
    const addSpecial = options.addSpecial ?? true;
    const tokens: number[] = [];
    if (addSpecial && this.#settings.addBos && bosToken !== undefined) tokens.push(bosToken);
    const bosLength = tokens.length;
    // Half of a surrogate pair has no UTF-8.
    this.#encodeText(text.toWellFormed(), options, tokens);
    if (bosLength === 1 && tokens[1] === bosToken) tokens.shift();
    if (addSpecial && this.#settings.addEos && eosToken !== undefined && tokens.at(-1) !== eosToken)
      tokens.push(eosToken);
    return tokens;
  }

  decode(tokens: readonly number[], options: DecodeOptions = {}): string {
    const stream = this.stream({ continuation: false, ...options });
    let text = '';
    for (const token of tokens) text += stream.push(token);
    return text + stream.end();
  }

  stream(options: DecodeOptions = {}): TextStream {
    const { special = false, continuation = true } = options;
    const { spacePrefix } = this.#settings;
    let dropsSpace = !continuation && spacePrefix !== 'never';
    return new Utf8Stream((token) => {
      const isHidden = !special && this.controlTokens.has(this.#check(token));
      const bytes = isHidden ? NOTHING : this.#model.bytes(token);
      if (this.#isMatchedApart(token)) {
        // encode put a space after it, or, with 'first', only at the very start, where BOS may stand before it.
        dropsSpace = !continuation && (spacePrefix === 'afterSpecial' || (dropsSpace && token === this.bosToken));
        return bytes;
      }
      const drops = dropsSpace && bytes[0] === BLANK;
      dropsSpace = false;
      return drops ? bytes.subarray(1) : bytes;
    });
  }

  tokenText(token: number): string {
    return this.#vocabulary.texts[this.#check(token)]!;
  }

  tokenBytes(token: number): Uint8Array {
    return this.#model.bytes(this.#check(token));
  }

  #encodeText(text: string, options: EncodeOptions, tokens: number[]): void {
    const { spacePrefix } = this.#settings;
    let start = 0;
    const encodePlain = (end: number) => {
      if (end === start) return;
      const takesPrefix = spacePrefix === 'afterSpecial' || (spacePrefix === 'first' && start === 0);
      this.#model.encode(text.slice(start, end), takesPrefix, tokens);
    };
    for (const span of this.#findSpecial(text, options)) {
      encodePlain(span.start);
      tokens.push(span.token);
      start = span.end;
    }
    encodePlain(text.length);
  }

  #findSpecial(text: string, options: EncodeOptions): Span[] {
    if (!options.parseSpecial) return this.#plain.isEmpty ? [] : this.#plain.findLongestFirst(text, () => true);
    const untrusted = options.untrusted ?? [];
    return this.#special.findLongestFirst(
      text,
      (span) => !this.controlTokens.has(span.token) || !overlapsAny(untrusted, span),
    );
  }

  /** Whether encode takes the token out of a text before the model sees the rest. `▁▁` comes out of merges instead. */
  #isMatchedApart(token: number): boolean {
    const { texts, types } = this.#vocabulary;
    if (types[token] !== TokenType.userDefined) return this.controlTokens.has(token);
    return !this.#model.matchesUserDefined && !texts[token]!.includes('▁');
  }

  #check(token: number): number {
    if (Number.isInteger(token) && token >= 0 && token < this.vocabLength) return token;
    throw new TokenizerError(`${token} is no token: the vocabulary has the ids 0 to ${this.vocabLength - 1}`);
  }
}

function isControl(type: number): boolean {
  return type === TokenType.control || type === TokenType.unknown;
}

function overlapsAny(ranges: readonly TextRange[], span: Span): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![1] <= span.start) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]![0] < span.end;
}
