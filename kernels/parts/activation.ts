import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Fours } from './values.ts';

/** How activations meet weights: as they are, or as int8 per block of 32 with an f32 scale. */
export type ActivationFormat = 'f32' | 'q8';

/**
 * Reads activations [token, BLOCKS × 32]: f32 by `fours` vectors, q8 by blocks; of those that are `undivided` (parts/emit.ts)
 * also `act_squares(token, block)`. Needs parts/values.ts (for q8 `Packed`) and `override BLOCKS`.
 */
export const activation = (format: ActivationFormat, fours: Fours, undivided = false) => wgsl`
#if ${format === 'q8'}
var<storage, read> act_q: array<vec4<u32>>;
#if ${undivided}
var<storage, read> act_ss: array<vec2<f32>>;
fn act_scale(token: u32, block: u32) -> f32 { return act_ss[token * BLOCKS + block].x; }
fn act_squares(token: u32, block: u32) -> f32 { return act_ss[token * BLOCKS + block].y; }
#else
var<storage, read> act_s: array<f32>;
fn act_scale(token: u32, block: u32) -> f32 { return act_s[token * BLOCKS + block]; }
#endif

fn act_packed(token: u32, block: u32) -> Packed {
  let i = (token * BLOCKS + block) * 2u;
  return Packed(act_q[i], act_q[i + 1u]);
}
fn act_half(token: u32, half: u32) -> vec4<u32> { return act_q[token * BLOCKS * 2u + half]; }
#else
var<storage, read> act: array<vec4<f32>>;
#if ${undivided}
var<storage, read> act_ss: array<f32>;
fn act_squares(token: u32, block: u32) -> f32 { return act_ss[token * BLOCKS + block]; }
#endif

fn act_values(token: u32, step: u32) -> Values {
  let i = token * BLOCKS * 8u + step * ${fours}u;
  return Values(${fours === 4 ? 'act[i], act[i + 1u], act[i + 2u], act[i + 3u]' : 'act[i], act[i + 1u]'});
}
#endif
`;
