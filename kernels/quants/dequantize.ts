/**
 * The host's side of the block types: file bytes to f32 (exact for all of these) and back, in llama.cpp's rounding.
 * Typed-array views throughout, so that gathering rows of token_embd on the host keeps up; the hosts of WebGPU are
 * little endian, as GGUF is.
 *
 *   F32   as it stands        F16   IEEE binary16        BF16  the upper half of an f32
 *   Q8_0  34 bytes per 32 values: d (f16), 32 × q (int8); value = d · q
 */

interface HostType {
  readonly blockLength: number;
  readonly blockBytes: number;
  /** Of a block's float (Q8_0: its d): the byte of its upper 16 bits, and the exponent's bits in these. */
  readonly exponent: readonly [byte: number, mask: number];
  /** Fills `values`. */
  dequantize(bytes: Uint8Array, values: Float32Array): void;
  /** Fills `bytes`, which start at an even byte of their buffer. */
  quantize(values: Float32Array, bytes: Uint8Array): void;
}

const hostTypes: Readonly<Record<string, HostType>> = {
  F32: { blockLength: 1, blockBytes: 4, exponent: [2, 0x7f80], dequantize: dequantizeF32, quantize: quantizeF32 },
  F16: { blockLength: 1, blockBytes: 2, exponent: [0, 0x7c00], dequantize: dequantizeF16, quantize: quantizeF16 },
  BF16: { blockLength: 1, blockBytes: 2, exponent: [0, 0x7f80], dequantize: dequantizeBf16, quantize: quantizeBf16 },
  Q8_0: { blockLength: 32, blockBytes: 34, exponent: [0, 0x7c00], dequantize: dequantizeQ8_0, quantize: quantizeQ8_0 },
};

/** ggml's names of the types below. */
export const hostTypeNames: readonly string[] = Object.keys(hostTypes);

/** Values per block in the file: a row's length must be a multiple. Throws for a type that is not in `hostTypeNames`. */
export function fileBlockLength(typeName: string): number {
  return hostType(typeName).blockLength;
}

/** Bytes of `length` values in the file. */
export function fileBytes(typeName: string, length: number): number {
  const { blockLength, blockBytes } = hostType(typeName);
  return (length / blockLength) * blockBytes;
}

/**
 * `bytes`: whole blocks of the file. Throws for a type that is not in `hostTypeNames` and for a partial block. `values`
 * are filled where they are given.
 */
export function dequantize(typeName: string, bytes: Uint8Array, values?: Float32Array): Float32Array {
  const { blockBytes, blockLength, dequantize } = hostType(typeName);
  if (bytes.length % blockBytes !== 0) {
    throw new Error(`${typeName}: ${bytes.length} bytes are not whole blocks of ${blockBytes}`);
  }
  const filled = values ?? new Float32Array((bytes.length / blockBytes) * blockLength);
  dequantize(bytes, filled);
  return filled;
}

/**
 * The inverse, byte for byte what llama-quantize writes. `values`: whole blocks. `bytes` are filled where they are
 * given; they start at an even byte of their buffer.
 */
export function quantize(typeName: string, values: Float32Array, bytes?: Uint8Array): Uint8Array {
  const { blockBytes, blockLength, quantize } = hostType(typeName);
  if (values.length % blockLength !== 0) {
    throw new Error(`${typeName}: ${values.length} values are not whole blocks of ${blockLength}`);
  }
  const filled = bytes ?? new Uint8Array((values.length / blockLength) * blockBytes);
  quantize(values, filled);
  return filled;
}

/** Whether no block of `bytes` holds an infinity or NaN: what llama-quantize asks of its results. */
export function allFinite(typeName: string, bytes: Uint8Array): boolean {
  const { blockBytes, exponent } = hostType(typeName);
  const [byte, mask] = exponent;
  for (let i = byte; i < bytes.length; i += blockBytes) {
    if (((bytes[i]! | (bytes[i + 1]! << 8)) & mask) === mask) return false;
  }
  return true;
}

function hostType(typeName: string): HostType {
  const type = Object.hasOwn(hostTypes, typeName) ? hostTypes[typeName] : undefined;
  if (!type) throw new Error(`type ${typeName} is not supported yet; supported: ${hostTypeNames.join(', ')}`);
  return type;
}

function dequantizeF32(bytes: Uint8Array, values: Float32Array): void {
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
}

function quantizeF32(values: Float32Array, bytes: Uint8Array): void {
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** With the bits moved into place: a table of all f16 would fall out of the cache. */
function dequantizeF16(bytes: Uint8Array, values: Float32Array): void {
  const halves = halvesOf(bytes);
  const valueBits = bitsOf(values);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const exponent = half & 0x7c00;
    const isNormal = exponent !== 0 && exponent !== 0x7c00;
    if (isNormal)
      valueBits[i] = ((half & 0x8000) << 16) | (((half & 0x7fff) << 13) + 0x3800_0000); // bias 15 → 127
    else values[i] = f16ToF32(half);
  }
}

function quantizeF16(values: Float32Array, bytes: Uint8Array): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = f32ToF16(values[i]!);
}

function dequantizeBf16(bytes: Uint8Array, values: Float32Array): void {
  const halves = halvesOf(bytes);
  const valueBits = bitsOf(values);
  for (let i = 0; i < halves.length; i++) valueBits[i] = halves[i]! << 16;
}

function quantizeBf16(values: Float32Array, bytes: Uint8Array): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = f32ToBf16(values[i]!);
}

/** The bytes by two; copied where a view must not begin. */
function halvesOf(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(buffer, byteOffset, length / 2);
}

function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

function dequantizeQ8_0(bytes: Uint8Array, values: Float32Array): void {
  const quants = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, i = 0; block < bytes.length; block += 34) {
    const d = f16ToF32(bytes[block]! | (bytes[block + 1]! << 8));
    for (let q = block + 2; q < block + 34; q++) values[i++] = d * quants[q]!;
  }
}

/**
 * q = round(x / d), halves away from zero, with d = max|x| / 127 before it is stored as f16: ggml's
 * quantize_row_q8_0_ref, all in f32. Signs and the largest |x| are taken from the bits, which spares the loops their
 * branches and leaves a NaN the largest of all.
 */
function quantizeQ8_0(values: Float32Array, bytes: Uint8Array): void {
  const quants = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const bits = bitsOf(values);
  for (let block = 0, start = 0; start < values.length; block += 34, start += 32) {
    let largest = 0;
    for (let i = start; i < start + 32; i++) largest = Math.max(largest, bits[i]! & 0x7fff_ffff);
    scratchBits[0] = largest;
    const d = Math.fround(scratch[0]! / 127);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    const dBits = f32ToF16(d);
    bytes[block] = dBits & 0xff;
    bytes[block + 1] = dBits >> 8;
    for (let i = start, q = block + 2; i < start + 32; i++, q++) {
      const magnitude = (Math.fround(Math.abs(values[i]!) * inverse) + 0.5) | 0;
      const sign = bits[i]! >> 31;
      quants[q] = (magnitude ^ sign) - sign;
    }
  }
}

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
