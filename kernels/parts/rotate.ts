/**
 * RoPE of one pair of a head: `rotated(v, token, pair)` turns v by the token's angle of that pair, and leaves the pairs
 * behind the rotary ones alone. `angles` are cos and sin from the host, in float64 there: WGSL's own are too coarse. Behind
 * them stands `kv_slot(token)`, page × PAGE_LENGTH + place in the page, where its keys and values go. Needs
 * `override ROPE_PAIRS`.
 */
export const rotate = `
// [tokens, ROPE_PAIRS + 1]: bits of cos and sin; then the slot and nothing
var<storage, read> angles: array<vec2<u32>>;

fn kv_slot(token: u32) -> u32 { return angles[token * (ROPE_PAIRS + 1u) + ROPE_PAIRS].x; }

fn rotated(v: vec2<f32>, token: u32, pair: u32) -> vec2<f32> {
  if (pair >= ROPE_PAIRS) { return v; }
  let a = bitcast<vec2<f32>>(angles[token * (ROPE_PAIRS + 1u) + pair]);
  return vec2<f32>(v.x * a.x - v.y * a.y, v.x * a.y + v.y * a.x);
}
`;

/** Host's cos and sin of `pairs` angles per position, [positions, pairs, 2], for cases; positions reach far. */
export function caseAngles(positions: readonly number[], pairs: number): Float32Array {
  const angles = positions.flatMap((p) => Array.from({ length: pairs }, (_, i) => p * 10_000 ** (-i / pairs)));
  return Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
}

/** The table of these, with each position's slot. */
export function angleTable(angles: Float32Array, pairs: number, slots: readonly number[]): Uint32Array {
  const bits = new Uint32Array(angles.buffer);
  return Uint32Array.from(slots.flatMap((slot, t) => [...bits.subarray(t * pairs * 2, (t + 1) * pairs * 2), slot, 0]));
}

/** A head's values, adjacent pairs turned; `angles` as above, of one token. */
export function rotateHead(head: ArrayLike<number>, angles: ArrayLike<number>, ropePairs: number): Float64Array {
  const out = Float64Array.from(head);
  for (let pair = 0; pair < ropePairs; pair++) {
    const [x, y] = [head[2 * pair] as number, head[2 * pair + 1] as number];
    const [cos, sin] = [angles[2 * pair] as number, angles[2 * pair + 1] as number];
    out[2 * pair] = x * cos - y * sin;
    out[2 * pair + 1] = x * sin + y * cos;
  }
  return out;
}
