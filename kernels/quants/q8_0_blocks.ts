import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { packed, unpackI8 } from '../parts/values.ts';
import type { BlockType, Pack } from './block_type.ts';

/**
 * Q8_0 as it stands in the file, 34 bytes a block: f16 scale, then 32 int8. Two blocks are 17 words. The values and
 * scales are those that q8_0.ts reads of its planes, in the same vectors, so results are bit-equal.
 */
export const q8_0_blocks: BlockType = {
  name: 'Q8_0 blocks',
  fileType: 'Q8_0',
  fileBlockLength: 32,
  fileBlockBytes: 34,
  planes: [{ name: 'b', bytes: 34 }],
  int8: true,
  nativeF16: false,
  fours: 4,

  read: ({ dp4a, inTurns }) => wgsl`
var<storage, read> weight_b: array<u32>;
${unpackI8(dp4a)}
${packed(dp4a)}

#if ${inTurns}
fn stored_row(row: u32) -> u32 { return (row & 1u) * tile.pair_count + row / 2u; }
#else
fn stored_row(row: u32) -> u32 { return row; }
#endif

// A block's scale is a half of this word. Its int8 are the 16 halves behind that half: they begin in the middle of this
// word for the first block of a pair, with the next word for the second.
fn first_word(row: u32, block: u32) -> u32 {
  return (stored_row(row) * (BLOCKS / 2u) + block / 2u) * 17u + (block & 1u) * 8u;
}
// 16 int8 of a block from the words i … i + 4.
fn int8_at(i: u32, block: u32) -> vec4<u32> {
  let middle = vec3<u32>(weight_b[i + 1u], weight_b[i + 2u], weight_b[i + 3u]);
  let low = vec4<u32>(weight_b[i], middle);
  let high = vec4<u32>(middle, weight_b[i + 4u]);
  return select((low >> vec4<u32>(16u)) | (high << vec4<u32>(16u)), high, (block & 1u) == 1u);
}

fn weight_scale(row: u32, block: u32) -> f32 {
  let halves = unpack2x16float(weight_b[first_word(row, block)]);
  return select(halves.x, halves.y, (block & 1u) == 1u);
}
fn weight_scales(row: u32, two: u32) -> vec2<f32> {
  let i = first_word(row, 2u * two);
  return vec2<f32>(unpack2x16float(weight_b[i]).x, unpack2x16float(weight_b[i + 8u]).y);
}
fn weight_four(row: u32, four: u32, scale: f32) -> vec4<f32> {
  let block = four / 8u;
  let i = first_word(row, block) + four % 8u;
  let high = weight_b[i + 1u];
  let word = select((weight_b[i] >> 16u) | (high << 16u), high, (block & 1u) == 1u);
  return scale * vec4<f32>(unpack_i8(word));
}
fn weight_packed(row: u32, block: u32) -> Packed {
  let i = first_word(row, block);
  return Packed(int8_at(i, block), int8_at(i + 4u, block));
}
fn weight_half(row: u32, half: u32) -> vec4<u32> {
  let block = half / 2u;
  return int8_at(first_word(row, block) + 4u * (half & 1u), block);
}
fn weight_values(row: u32, step: u32) -> Values {
  let block = step / 2u;
  let words = weight_half(row, step);
  return weight_scale(row, block) * Values(vec4<f32>(unpack_i8(words.x)), vec4<f32>(unpack_i8(words.y)),
                                           vec4<f32>(unpack_i8(words.z)), vec4<f32>(unpack_i8(words.w)));
}
`,
};

/** The file's bytes. */
export const packQ8_0Blocks: Pack = (bytes) => ({ b: bytes });
