import { halfWords } from './half_words.ts';

/** BF16: the upper half of an f32. */
export const bf16 = halfWords({
  name: 'BF16',
  widen: 'bitcast<vec2<f32>>(vec2<u32>(word << 16u, word & 0xffff0000u))',
  exponent: '0x7f80u',
  native: false,
});
