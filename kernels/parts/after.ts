import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/**
 * What becomes of a matmul's result. A part gets two adjacent rows of a token at once, since that is what RoPE's pairs
 * and interleaved gate and up need: `after(pair, token, v)`, v = rows 2·pair and 2·pair + 1.
 */
export type After = 'store' | 'add' | 'swiglu';

/** The WGSL of a part; needs `override DST_STRIDE`, the length of a row of `dst`. */
export const after = (part: After) => wgsl`
#if ${part === 'swiglu'}
// dst [token, DST_STRIDE]: rows are gate, up, gate, up, …
var<storage, read_write> dst: array<f32>;

fn after(pair: u32, token: u32, v: vec2<f32>) {
  dst[token * DST_STRIDE + pair] = silu(v.x) * v.y;
}
#else
// dst [token, DST_STRIDE]
var<storage, read_write> dst: array<vec2<f32>>;

fn after(pair: u32, token: u32, v: vec2<f32>) {
  let i = token * (DST_STRIDE / 2u) + pair;
  #if ${part === 'add'}
  dst[i] += v;
  #else
  dst[i] = v;
  #endif
}
#endif
`;

/** x · sigmoid(x); the exponent is clamped so that no infinity arises where WGSL may assume none. */
export const silu = `
fn silu(x: f32) -> f32 { return x / (1.0 + exp(-max(x, -80.0))); }
`;
