import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** Repeats a line of WGSL `n` times; registers need literal names, since indexed private arrays spill. */
export function unroll(n: number, line: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => line(i)).join('\n');
}

/** Vectors of four values that one step of a sum takes: as many as the type's widest load brings. */
export type Fours = 2 | 4;

/**
 * 4 × `fours` values in registers, and their products with as many others added to four running sums. Sums are explicit
 * `fma` chains: every kernel and every width adds the same numbers in the same order, so that a column's result does
 * not depend on its neighbours.
 */
export const values = (fours: Fours) => `
alias Values = mat${fours}x4<f32>;

fn add_products(a: Values, b: Values, sums: vec4<f32>) -> vec4<f32> {
  var total = sums;
  ${unroll(fours, (i) => `total = fma(a[${i}], b[${i}], total);`)}
  return total;
}
fn total(sums: vec4<f32>) -> f32 { return (sums.x + sums.y) + (sums.z + sums.w); }
`;

/** 32 int8 in registers, and their exact integer product. */
export const packed = (dp4a: boolean) => wgsl`
struct Packed {
  lo: vec4<u32>,
  hi: vec4<u32>,
}

#if ${dp4a}
fn dot4(a: u32, b: u32) -> i32 { return dot4I8Packed(a, b); }
#else
fn dot4(a: u32, b: u32) -> i32 {
  let products = unpack_i8(a) * unpack_i8(b);
  return (products.x + products.y) + (products.z + products.w);
}
#endif

fn dot_half(a: vec4<u32>, b: vec4<u32>) -> i32 {
  return (dot4(a.x, b.x) + dot4(a.y, b.y)) + (dot4(a.z, b.z) + dot4(a.w, b.w));
}
fn dot_packed(a: Packed, b: Packed) -> i32 { return dot_half(a.lo, b.lo) + dot_half(a.hi, b.hi); }
`;

/** Four values of −127 … 127, rounded, as the int8 of a word, lowest byte first. */
export const packI8 = `
fn pack_i8(v: vec4<f32>) -> u32 {
  let q = vec4<u32>(vec4<i32>(round(v))) & vec4<u32>(0xffu);
  return q.x | (q.y << 8u) | (q.z << 16u) | (q.w << 24u);
}
`;

/** Four int8 of a word, lowest byte first. */
export const unpackI8 = (dp4a: boolean) => wgsl`
#if ${dp4a}
fn unpack_i8(word: u32) -> vec4<i32> { return unpack4xI8(word); }
#else
fn unpack_i8(word: u32) -> vec4<i32> {
  return vec4<i32>(vec4<u32>(word << 24u, word << 16u, word << 8u, word)) >> vec4<u32>(24u);
}
#endif
`;
