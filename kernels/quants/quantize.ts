/**
 * f32 to the file bytes of dequantize.ts, in llama.cpp's rounding. For files and cases: what runs a model never
 * quantises on the host.
 */
import { fileBlockLength, fileBytes } from './dequantize.ts';
import { bitsOf, f32OfBits, f32ToBf16, f32ToF16 } from './floats.ts';

interface QuantizedType {
  /** Of a block's float (Q8_0: its d): the byte of its upper 16 bits, and the exponent's bits in these. */
  readonly exponent: readonly [byte: number, mask: number];
  /** Fills `bytes`, which start at an even byte of their buffer. */
  quantize(values: Float32Array, bytes: Uint8Array): void;
}

const quantizedTypes: Readonly<Record<string, QuantizedType>> = {
  F32: { exponent: [2, 0x7f80], quantize: quantizeF32 },
  F16: { exponent: [0, 0x7c00], quantize: quantizeF16 },
  BF16: { exponent: [0, 0x7f80], quantize: quantizeBf16 },
  Q8_0: { exponent: [0, 0x7c00], quantize: quantizeQ8_0 },
};

/**
 * The inverse of `dequantize`, byte for byte what llama-quantize writes. `values`: whole blocks. `bytes` are filled
 * where they are given; they start at an even byte of their buffer.
 */
export function quantize(typeName: string, values: Float32Array, bytes?: Uint8Array): Uint8Array {
  const blockLength = fileBlockLength(typeName);
  if (values.length % blockLength !== 0) {
    throw new Error(`${typeName}: ${values.length} values are not whole blocks of ${blockLength}`);
  }
  const filled = bytes ?? new Uint8Array(fileBytes(typeName, values.length));
  quantizedTypes[typeName]!.quantize(values, filled);
  return filled;
}

/** Whether no block of `bytes` holds an infinity or NaN: what llama-quantize asks of its results. */
export function allFinite(typeName: string, bytes: Uint8Array): boolean {
  const blockBytes = fileBytes(typeName, fileBlockLength(typeName));
  const [byte, mask] = quantizedTypes[typeName]!.exponent;
  for (let i = byte; i < bytes.length; i += blockBytes) {
    if (((bytes[i]! | (bytes[i + 1]! << 8)) & mask) === mask) return false;
  }
  return true;
}

function quantizeF32(values: Float32Array, bytes: Uint8Array): void {
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

function quantizeF16(values: Float32Array, bytes: Uint8Array): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = f32ToF16(values[i]!);
}

function quantizeBf16(values: Float32Array, bytes: Uint8Array): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = f32ToBf16(values[i]!);
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
    const d = Math.fround(f32OfBits(largest) / 127);
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
