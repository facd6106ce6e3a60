// The package's own types import without extensions, which `nodenext` does not resolve. These are the parts in use.
declare module '@huggingface/tokenizers' {
  export class SplitPreTokenizer {
    constructor(config: { type: 'Split'; pattern: { Regex: string }; behavior: 'Isolated'; invert: boolean });
    /** What the pattern (Oniguruma's syntax) matches, and what lies between, in order. */
    pre_tokenize_text(text: string): string[];
  }
  export class ByteLevelPreTokenizer {
    constructor(config: { type: 'ByteLevel' });
    /** GPT-2's letter for each byte. */
    byte_encoder: Readonly<Record<number, string>>;
  }
}
