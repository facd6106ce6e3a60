import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type BlockType, blocksPerRow, type Pack } from './block_type.ts';
import { padRows } from './pad_rows.ts';

interface HalfFormat {
  readonly name: string;
  /** WGSL expression of the two values in `word`. */
  readonly widen: string;
  /** Mask of the exponent in a half: all ones there is no finite number. */
  readonly exponent: string;
  /** Whether WGSL's `f16` is this very format. */
  readonly native: boolean;
}

/** What the two 16-bit float types share: the file's halves, two to a word, rows padded with zeros. */
export function halfWords({ name, widen, exponent, native }: HalfFormat): BlockType {
  return {
    name,
    fileBlockLength: 1,
    fileBlockBytes: 2,
    planes: [{ name: 'h', bytes: 64 }],
    int8: false,
    nativeF16: native,
    fours: 2,

    read: ({ f16 }) => wgsl`
#if ${native && f16}
enable f16;
var<storage, read> weight_h: array<mat2x4<f16>>;

fn weight_values(row: u32, step: u32) -> Values { return Values(weight_h[row * BLOCKS * 4u + step]); }
fn weight_four(row: u32, four: u32, scale: f32) -> vec4<f32> {
  return vec4<f32>(weight_h[row * BLOCKS * 4u + four / 2u][four % 2u]);
}
#else
var<storage, read> weight_h: array<vec4<u32>>;

fn widen(word: u32) -> vec2<f32> { return ${widen}; }
fn weight_values(row: u32, step: u32) -> Values {
  let words = weight_h[row * BLOCKS * 4u + step];
  return Values(vec4<f32>(widen(words.x), widen(words.y)), vec4<f32>(widen(words.z), widen(words.w)));
}
fn weight_four(row: u32, four: u32, scale: f32) -> vec4<f32> {
  let i = row * BLOCKS * 4u + four / 2u;
  let first = (four & 1u) * 2u;
  return vec4<f32>(widen(weight_h[i][first]), widen(weight_h[i][first + 1u]));
}
#endif
fn weight_scales(row: u32, two: u32) -> vec2<f32> { return vec2<f32>(1.0); }
`,

    repack: wgsl`
var<storage, read_write> weight_h: array<u32>;

fn half_at(source: u32, i: u32) -> u32 {
  if (i >= ROW_LENGTH) { return 0u; }
  let half = raw_half(source + i);
  if ((half & ${exponent}) == ${exponent}) { flawed(); }
  return half;
}
fn repack(source_row: u32, dst_row: u32, pair: u32) {
  let source = source_row * ROW_LENGTH;
  let dst = dst_row * BLOCKS * 16u;
  for (var i = 0u; i < 32u; i++) {
    let at = pair * 64u + 2u * i;
    weight_h[dst + at / 2u] = half_at(source, at) | (half_at(source, at + 1u) << 16u);
  }
}
`,
  };
}

export const packHalfWords: Pack = (bytes, rowLength) => ({
  h: padRows(bytes, rowLength * 2, blocksPerRow(rowLength) * 64),
});
