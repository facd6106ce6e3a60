import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { ActivationFormat } from './activation.ts';
import { packI8 } from './values.ts';

/**
 * Hands four values of a row of activations on to the next matmul: as they are, or as int8 by the largest of their block
 * of 32, as quantize_q8 does. `emit(i, v, most, squares)`: i counts the fours of all rows, `most` is the block's largest
 * |value|. Rows that are `undivided`, still to be divided by their root mean square, come with each block's Σ x²: in `next_ss`,
 * with int8 beside the scale, since devices have no more than eight buffers for a kernel.
 */
export const emit = (format: ActivationFormat, undivided: boolean) => wgsl`
fn largest(v: vec4<f32>) -> f32 {
  let a = abs(v);
  return max(max(a.x, a.y), max(a.z, a.w));
}
#if ${format === 'q8'}
${packI8}
var<storage, read_write> next_q: array<u32>;
#if ${undivided}
var<storage, read_write> next_ss: array<vec2<f32>>; // [token, block]: scale, Σ x²
fn emit_block(block: u32, scale: f32, squares: f32) { next_ss[block] = vec2<f32>(scale, squares); }
#else
var<storage, read_write> next_s: array<f32>; // [token, block]
fn emit_block(block: u32, scale: f32, squares: f32) { next_s[block] = scale; }
#endif

fn emit(i: u32, v: vec4<f32>, most: f32, squares: f32) {
  next_q[i] = pack_i8(v * select(0.0, 127.0 / most, most > 0.0));
  if ((i & 7u) == 0u) { emit_block(i / 8u, most / 127.0, squares); }
}
#else
var<storage, read_write> next: array<vec4<f32>>;
#if ${undivided}
var<storage, read_write> next_ss: array<f32>; // [token, block]: Σ x²
fn emit_block(block: u32, squares: f32) { next_ss[block] = squares; }
#else
fn emit_block(block: u32, squares: f32) {}
#endif

fn emit(i: u32, v: vec4<f32>, most: f32, squares: f32) {
  next[i] = v;
  if ((i & 7u) == 0u) { emit_block(i / 8u, squares); }
}
#endif
`;
