import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { packed, unpackI8 } from '../parts/values.ts';
import { type BlockType, blocksPerRow, type Pack } from './block_type.ts';
import { q8_0_blocks } from './q8_0_blocks.ts';

/**
 * Q8_0: 32 int8 with one f16 scale d, value = d · q. In the file 34 bytes a block (d, then q); on the GPU two planes,
 * so that every access is aligned: q as int8 [row, BLOCKS × 32], s as f16 pairs [row, BLOCKS / 2].
 */
export const q8_0: BlockType = {
  name: 'Q8_0',
  fileBlockLength: 32,
  fileBlockBytes: 34,
  planes: [
    { name: 'q', bytes: 32 },
    { name: 's', bytes: 2 },
  ],
  int8: true,
  nativeF16: false,
  fours: 4,
  inFile: q8_0_blocks,

  read: ({ dp4a }) => wgsl`
var<storage, read> weight_q: array<vec4<u32>>;
var<storage, read> weight_s: array<u32>;
${unpackI8(dp4a)}
${packed(dp4a)}

fn weight_scale(row: u32, block: u32) -> f32 {
  let scales = unpack2x16float(weight_s[row * (BLOCKS / 2u) + block / 2u]);
  return select(scales.x, scales.y, (block & 1u) == 1u);
}
fn weight_scales(row: u32, two: u32) -> vec2<f32> { return unpack2x16float(weight_s[row * (BLOCKS / 2u) + two]); }
fn weight_four(row: u32, four: u32, scale: f32) -> vec4<f32> {
  return scale * vec4<f32>(unpack_i8(weight_q[row * BLOCKS * 2u + four / 4u][four % 4u]));
}
fn weight_packed(row: u32, block: u32) -> Packed {
  let i = (row * BLOCKS + block) * 2u;
  return Packed(weight_q[i], weight_q[i + 1u]);
}
fn weight_half(row: u32, half: u32) -> vec4<u32> { return weight_q[row * BLOCKS * 2u + half]; }
fn weight_values(row: u32, step: u32) -> Values {
  let words = weight_q[row * BLOCKS * 2u + step];
  return weight_scale(row, step / 2u) * Values(vec4<f32>(unpack_i8(words.x)), vec4<f32>(unpack_i8(words.y)),
                                                  vec4<f32>(unpack_i8(words.z)), vec4<f32>(unpack_i8(words.w)));
}
`,

  repack: wgsl`
var<storage, read_write> weight_q: array<u32>;
var<storage, read_write> weight_s: array<u32>;

fn checked(scale: u32) -> u32 {
  if ((scale & 0x7c00u) == 0x7c00u) { flawed(); }
  return scale;
}
fn repack_block(source: u32, block: u32, present: bool) -> u32 {
  for (var i = 0u; i < 8u; i++) {
    let word = raw_half(source + 1u + 2u * i) | (raw_half(source + 2u + 2u * i) << 16u);
    weight_q[block * 8u + i] = select(0u, word, present);
  }
  return checked(select(0u, raw_half(source), present));
}
// Two blocks of the file are 17 words: each is read once.
fn repack_words(source: u32, block: u32) -> u32 {
  let first = raw[source];
  var word = first;
  for (var i = 0u; i < 8u; i++) {
    let next = raw[source + 1u + i];
    weight_q[block * 8u + i] = (word >> 16u) | (next << 16u);
    weight_q[block * 8u + 8u + i] = raw[source + 9u + i];
    word = next;
  }
  return checked(first & 0xffffu) | (checked(word >> 16u) << 16u);
}
fn repack(source_row: u32, dst_row: u32, pair: u32) {
  let file_blocks = ROW_LENGTH / 32u;
  let dst = dst_row * BLOCKS + 2u * pair;
  if (file_blocks == BLOCKS) {
    weight_s[dst / 2u] = repack_words((source_row * (BLOCKS / 2u) + pair) * 17u, dst);
    return;
  }
  let source = (source_row * file_blocks + 2u * pair) * 17u;
  let low = repack_block(source, dst, true);
  let high = repack_block(source + 17u, dst + 1u, 2u * pair + 1u < file_blocks);
  weight_s[dst / 2u] = low | (high << 16u);
}
`,
};

export const packQ8_0: Pack = (bytes, rowLength) => {
  const fileBlocks = rowLength / 32;
  const rows = bytes.length / (fileBlocks * 34);
  const blocks = blocksPerRow(rowLength);
  const q = new Uint8Array(rows * blocks * 32);
  const s = new Uint8Array(rows * blocks * 2);
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < fileBlocks; b++) {
      const from = (row * fileBlocks + b) * 34;
      const to = row * blocks + b;
      s.set(bytes.subarray(from, from + 2), to * 2);
      q.set(bytes.subarray(from + 2, from + 34), to * 32);
    }
  }
  return { q, s };
};
