/** Floats by their bits: f16 and bf16 beside f32. */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The nearest f16's bits, ties to even; beyond 65504 infinity, NaN stays NaN. */
export function f32ToF16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  if (magnitude >= 0x477f_f000) return sign | 0x7c00; // 65520, the midpoint, already rounds up
  // Below 2^-14 an f16 is a multiple of 2^-24, and scaling by a power of two is exact.
  if (magnitude < 0x3880_0000) return sign | roundHalfToEven(Math.abs(scratch[0]!) * 2 ** 24);
  return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13); // exponent bias 127 → 15
}

/** Exact. `bits`: 0 … 0xffff. */
export function f16ToF32(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * 2 ** (exponent - 25) * (1024 + mantissa) : sign * 2 ** -24 * mantissa;
}

/** The nearest bfloat16's bits, ties to even; NaN stays NaN. */
export function f32ToBf16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return (bits >>> 16) | 0x40; // quiet: truncating could leave infinity
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The rounding of WGSL's `round`. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

/** The f32 of these bits. */
export function f32OfBits(bits: number): number {
  scratchBits[0] = bits;
  return scratch[0]!;
}

/** The bits of `values`, in the same memory. */
export function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}
