/** Text to token ids and back, as the GGUF file's vocabulary says. */
export interface Tokenizer {
  /** Number of ids. */
  readonly vocabLength: number;
  readonly bosToken: number | undefined;
  readonly eosToken: number | undefined;
  /** Generation ends on any of these. */
  readonly stopTokens: ReadonlySet<number>;
  encode(text: string, options?: EncodeOptions): number[];
  decode(tokens: readonly number[], options?: DecodeOptions): string;
  /** A decoder for tokens that come one by one; never emits half a character. */
  stream(options?: DecodeOptions): TextStream;
}

export interface EncodeOptions {
  /** Add BOS (and EOS) as the file's metadata says. Default true. */
  addSpecial?: boolean;
  /** Let text such as `<|im_start|>` become its control token. Default false: untrusted text stays text. */
  parseSpecial?: boolean;
}

export interface DecodeOptions {
  /** Show control tokens by their text. Default false. */
  special?: boolean;
}

export interface TextStream {
  /** The text that this token completes; may be empty. */
  push(token: number): string;
  /** What is left, incomplete bytes as U+FFFD. */
  end(): string;
}
