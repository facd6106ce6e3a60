/** The tokens (rows, items) of the step that a dispatch works on. */
export const range = `
struct Range {
  start: u32,
  count: u32,
  zero: u32, // always 0, which no compiler knows
}
var<uniform> range: Range;

// A loop bound that compilers can't fold: unrolled by a CPU driver, a long body compiles for seconds.
fn not_constant(n: u32) -> u32 { return n + range.zero; }
`;

/** Words of a `Range`: start, count, zero. */
export const rangeWords = (start: number, count: number) => new Uint32Array([start, count, 0]);

/** The rows of a fused matrix that stand in the bound planes, in pairs of adjacent rows. */
export const tile = `
struct RowTile {
  pair_start: u32,
  pair_count: u32,
}
var<uniform> tile: RowTile;
`;

/** What the host says of every token of a step. */
export const tokenTable = `
struct Token {
  position: u32,
  sequence: u32,
  // its attention's partial results, if it has more than one: rows of the partial buffers
  partial_start: u32,
  partial_count: u32,
}
var<storage, read> tokens: array<Token>;
`;

/** The id of a token that the GPU has sampled and the host does not know yet. */
export const pendingId = 0xffffffff;

/** How tables say so: this bit, and the sequence whose last one it is. */
export const pendingBit = 0x80000000;

/** Words per `Token`. */
export const tokenWords = 4;
