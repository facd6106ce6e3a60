/** One kind of vocabulary's way from plain text (no control tokens in it) to ids, and from an id to bytes. */
export interface TokenModel {
  /** Appends the ids of `text` to `tokens`. `spacePrefix`: put SentencePiece's space before it. */
  encode(text: string, spacePrefix: boolean, tokens: number[]): void;
  /** UTF-8, possibly a part of a character. */
  bytes(token: number): Uint8Array;
  /** The user-defined pieces are matched by the model itself, not before it. */
  readonly matchesUserDefined: boolean;
}
