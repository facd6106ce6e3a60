/** Text to token ids and back, as the GGUF file's vocabulary says. */
export interface Tokenizer {
  /** Number of ids. */
  readonly vocabLength: number;
  /** Begins a text; undefined where the file names none. */
  readonly bosToken: number | undefined;
  /** Ends a text; undefined where the file names none. */
  readonly eosToken: number | undefined;
  /** Generation ends on any of these. */
  readonly stopTokens: ReadonlySet<number>;
  /** Tokens that only the model's own format may place, such as `<|im_start|>`: their text in untrusted input stays text. */
  readonly controlTokens: ReadonlySet<number>;
  /** The ids of a text; `TokenizerError` where the vocabulary cannot express it. */
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of ids; `TokenizerError` where one is not in the vocabulary. */
  decode(tokens: readonly number[], options?: DecodeOptions): string;
  /** A decoder for tokens that come one by one; never emits half a character. */
  stream(options?: DecodeOptions): TextStream;
  /** The token's text as the vocabulary has it: `▁time`, `<0x0A>`, `Ġtime`. */
  tokenText(token: number): string;
  /** What the token adds to a text, UTF-8, possibly a part of a character. */
  tokenBytes(token: number): Uint8Array;
}

/** Where the space goes that SentencePiece puts before a text; llama.cpp repeats it after every special token. */
export type SpacePrefix = 'never' | 'first' | 'afterSpecial';

/** How a file's vocabulary is read. */
export interface TokenizerOptions {
  /** Default: what the metadata asks for, as llama.cpp reads it. */
  spacePrefix?: SpacePrefix;
  /** Bring text to Unicode's NFC first. Default false, as in llama.cpp. */
  nfc?: boolean;
  /** Where doubts about the file go, one line each. Default `console.warn`. */
  onWarning?: (message: string) => void;
}

/** How text becomes ids. */
export interface EncodeOptions {
  /** Add BOS (and EOS) as the file's metadata says. Default true. */
  addSpecial?: boolean;
  /** Let text such as `<|im_start|>` become its control token. Default false: untrusted text stays text. */
  parseSpecial?: boolean;
  /** With `parseSpecial`: ranges [start, end) of `text` (UTF-16 units, ascending) in which no control token may begin or end. */
  untrusted?: readonly TextRange[];
}

/** UTF-16 units of a text, the end not among them. */
export type TextRange = readonly [start: number, end: number];

/** How ids become text. */
export interface DecodeOptions {
  /** Show control tokens by their text. Default false. */
  special?: boolean;
  /**
   * The tokens go on from a text before them, so that a first piece's space belongs to the text and is kept.
   * Default false in `decode` (a whole text), true in `stream` (what a model generates).
   */
  continuation?: boolean;
}

/** Text of tokens that come one by one, in whole characters. */
export interface TextStream {
  /** The text that this token completes; may be empty. */
  push(token: number): string;
  /** What is left, incomplete bytes as U+FFFD. */
  end(): string;
}

/** The vocabulary cannot be read, or cannot express what it was asked to. */
export class TokenizerError extends Error {
  override name = 'TokenizerError';
}
