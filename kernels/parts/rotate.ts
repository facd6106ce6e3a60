/**
 * RoPE of one pair of a head: `rotated(v, token, pair)` turns v by the token's angle of that pair, and leaves the pairs
 * behind the rotary ones alone. `angles` are cos and sin from the host, in float64 there: WGSL's own are too coarse.
 * Needs `override ROPE_PAIRS`.
 */
export const rotate = `
// [tokens, ROPE_PAIRS]: cos, sin
var<storage, read> angles: array<vec2<f32>>;

fn rotated(v: vec2<f32>, token: u32, pair: u32) -> vec2<f32> {
  if (pair >= ROPE_PAIRS) { return v; }
  let a = angles[token * ROPE_PAIRS + pair];
  return vec2<f32>(v.x * a.x - v.y * a.y, v.x * a.y + v.y * a.x);
}
`;

/** Host's cos and sin of `pairs` angles per position, [positions, pairs, 2], for cases; positions reach far. */
export function caseAngles(positions: readonly number[], pairs: number): Float32Array {
  const angles = positions.flatMap((p) => Array.from({ length: pairs }, (_, i) => p * 10_000 ** (-i / pairs)));
  return Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
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
