/**
 * The host's side of the block types: file bytes to f32, exact for all of these; quantize.ts is the way back.
 * Typed-array views throughout, so that gathering rows of token_embd on the host keeps up; the hosts of WebGPU are
 * little endian, as GGUF is.
 *
 *   F32   as it stands        F16   IEEE binary16        BF16  the upper half of an f32
 *   Q8_0  34 bytes per 32 values: d (f16), 32 × q (int8); value = d · q
 */
import { bitsOf, f16ToF32 } from './floats.ts';

interface HostType {
  readonly blockLength: number;
  readonly blockBytes: number;
  /** Fills `values`. */
  dequantize(bytes: Uint8Array, values: Float32Array): void;
}

const hostTypes: Readonly<Record<string, HostType>> = {
  F32: { blockLength: 1, blockBytes: 4, dequantize: dequantizeF32 },
  F16: { blockLength: 1, blockBytes: 2, dequantize: dequantizeF16 },
  BF16: { blockLength: 1, blockBytes: 2, dequantize: dequantizeBf16 },
  Q8_0: { blockLength: 32, blockBytes: 34, dequantize: dequantizeQ8_0 },
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

function hostType(typeName: string): HostType {
  const type = Object.hasOwn(hostTypes, typeName) ? hostTypes[typeName] : undefined;
  if (!type) throw new Error(`type ${typeName} is not supported yet; supported: ${hostTypeNames.join(', ')}`);
  return type;
}

function dequantizeF32(bytes: Uint8Array, values: Float32Array): void {
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
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

function dequantizeBf16(bytes: Uint8Array, values: Float32Array): void {
  const halves = halvesOf(bytes);
  const valueBits = bitsOf(values);
  for (let i = 0; i < halves.length; i++) valueBits[i] = halves[i]! << 16;
}

/** The bytes by two; copied where a view must not begin. */
function halvesOf(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(buffer, byteOffset, length / 2);
}

function dequantizeQ8_0(bytes: Uint8Array, values: Float32Array): void {
  const quants = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, i = 0; block < bytes.length; block += 34) {
    const d = f16ToF32(bytes[block]! | (bytes[block + 1]! << 8));
    for (let q = block + 2; q < block + 34; q++) values[i++] = d * quants[q]!;
  }
}
