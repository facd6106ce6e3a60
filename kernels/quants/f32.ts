import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type BlockType, blocksPerRow, type Pack } from './block_type.ts';
import { padRows } from './pad_rows.ts';

/** F32: the file's values, rows padded with zeros. */
export const f32: BlockType = {
  name: 'F32',
  fileBlockLength: 1,
  fileBlockBytes: 4,
  planes: [{ name: 'v', bytes: 128 }],
  int8: false,
  nativeF16: false,
  fours: 2,

  read: () => wgsl`
var<storage, read> weight_v: array<vec4<f32>>;

fn weight_values(row: u32, step: u32) -> Values {
  let i = (row * BLOCKS * 4u + step) * 2u;
  return Values(weight_v[i], weight_v[i + 1u]);
}
fn weight_scales(row: u32, two: u32) -> vec2<f32> { return vec2<f32>(1.0); }
fn weight_four(row: u32, four: u32, scale: f32) -> vec4<f32> { return weight_v[row * BLOCKS * 8u + four]; }
`,

  repack: wgsl`
var<storage, read_write> weight_v: array<u32>;

fn repack(source_row: u32, dst_row: u32, pair: u32) {
  let source = source_row * ROW_LENGTH;
  let dst = dst_row * BLOCKS * 32u;
  for (var i = pair * 64u; i < pair * 64u + 64u; i++) {
    let word = select(0u, raw[source + i], i < ROW_LENGTH);
    if ((word & 0x7f800000u) == 0x7f800000u) { flawed(); }
    weight_v[dst + i] = word;
  }
}
`,
};

export const packF32: Pack = (bytes, rowLength) => ({
  v: padRows(bytes, rowLength * 4, blocksPerRow(rowLength) * 128),
});
