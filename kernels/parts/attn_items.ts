/** `partial_start` of an item whose result is complete. */
export const complete = 0xffffffff;

/** Words per `Item`. */
export const itemWords = 5;

/** Attention's work list: a few tokens of one sequence against positions [key_start, key_end). */
export const attnItems = `
struct Item {
  token: u32,
  token_count: u32,
  key_start: u32,
  key_end: u32,
  partial_start: u32, // ${complete}: the result is complete
}
var<storage, read> items: array<Item>;
`;

/** Values of a partial result, per head: the unscaled result, then max, sum and two zeros. */
export const partialLength = (headLength: number) => headLength + 4;
