import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Fours, unroll } from './values.ts';

/** How activations meet weights: as they are, or as int8 per block of 32 with an f32 scale. */
export type ActivationFormat = 'f32' | 'q8';

/**
 * Reads activations [token, BLOCKS × 32]: f32 by `fours` vectors, q8 by blocks; of those that are `undivided` (parts/emit.ts)
 * also `act_squares(token, block)`. Needs parts/values.ts (for q8 `Packed`) and `override BLOCKS`.
 *
 * Where `sharing` lanes of a subgroup read the same, each loads a word of it and all hear it: a CPU driver loads lane by
 * lane, even from one address. `main` sets `sharing_lane`.
 */
export const activation = (format: ActivationFormat, fours: Fours, undivided = false, sharing = 1) => wgsl`
#if ${format === 'q8'}
#if ${undivided}
var<storage, read> act_ss: array<vec2<f32>>;
fn act_scale(token: u32, block: u32) -> f32 { return act_ss[token * BLOCKS + block].x; }
fn act_squares(token: u32, block: u32) -> f32 { return act_ss[token * BLOCKS + block].y; }
#else
var<storage, read> act_s: array<f32>;
fn act_scale(token: u32, block: u32) -> f32 { return act_s[token * BLOCKS + block]; }
#endif
#if ${sharing > 1}
enable subgroups;
var<storage, read> act_q: array<u32>;
var<private> sharing_lane: u32;

fn act_packed(token: u32, block: u32) -> Packed {
  ${unroll(8 / sharing, (l) => `let own${l} = act_q[(token * BLOCKS + block) * 8u + ${l * sharing}u + sharing_lane];`)}
  return Packed(${[0, 1]
    .map((half) => {
      const heard = [0, 1, 2, 3].map((k) => 4 * half + k);
      return `vec4<u32>(${heard.map((w) => `subgroupBroadcast(own${Math.floor(w / sharing)}, ${w % sharing}u)`).join(', ')})`;
    })
    .join(', ')});
}
fn act_scales(token: u32, two: u32) -> vec2<f32> {
  let own = act_scale(token, 2u * two + (sharing_lane & 1u));
  return vec2<f32>(subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u));
}
#else
var<storage, read> act_q: array<vec4<u32>>;

fn act_packed(token: u32, block: u32) -> Packed {
  let i = (token * BLOCKS + block) * 2u;
  return Packed(act_q[i], act_q[i + 1u]);
}
fn act_half(token: u32, half: u32) -> vec4<u32> { return act_q[token * BLOCKS * 2u + half]; }
fn act_scales(token: u32, two: u32) -> vec2<f32> { return vec2<f32>(act_scale(token, 2u * two), act_scale(token, 2u * two + 1u)); }
#endif
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
