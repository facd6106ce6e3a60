import type { Output, Words } from '../src/gpu/kernel.ts';
import { hasScales, type KvType, pageLength } from './parts/kv.ts';
import { dequantize, fileBytes } from './quants/dequantize.ts';
import { f16ToF32 } from './quants/floats.ts';
import { quantize } from './quants/quantize.ts';

/** How a file would hold the same values. */
const fileTypes = { f32: 'F32', f16: 'F16', q8_0: 'Q8_0' } as const satisfies Record<KvType, string>;

const blockBytes = fileBytes(fileTypes.q8_0, 32);

/** Values that the type holds exactly: those nearest. */
export function storable(values: Float32Array, type: KvType): Float32Array {
  return dequantize(fileTypes[type], quantize(fileTypes[type], values));
}

/** Pages [page × head, pageLength, headLength] in the form of parts/kv.ts. */
export function packPages(values: Float32Array, headLength: number, type: KvType): Words {
  const stored = quantize(fileTypes[type], values);
  if (!hasScales(type)) return stored;
  const packed = new Uint8Array(stored.length);
  forEachBlock(stored.length, headLength, (block, quants, scale) => {
    const start = block * blockBytes;
    packed.set(stored.subarray(start, start + 2), scale);
    packed.set(stored.subarray(start + 2, start + blockBytes), quants);
  });
  return packed;
}

/** How `packPages` of a type is compared: by the values that attention reads. */
export function pageElements(headLength: number, type: KvType): Output['elements'] {
  const elements = { f32: 'f32', f16: 'f16', q8_0: (bytes: ArrayBuffer) => unpackBlocks(bytes, headLength) } as const;
  return elements[type];
}

function unpackBlocks(bytes: ArrayBuffer, headLength: number): Float64Array {
  const quants = new Int8Array(bytes);
  const scales = new Uint16Array(bytes);
  const values = new Float64Array((bytes.byteLength / blockBytes) * 32);
  forEachBlock(bytes.byteLength, headLength, (block, from, scale) => {
    for (let i = 0; i < 32; i++) values[block * 32 + i] = quants[from + i]! * f16ToF32(scales[scale / 2]!);
  });
  return values;
}

/** Every block's number among all pages, and the bytes where its quants and its scale stand. */
function forEachBlock(
  byteLength: number,
  headLength: number,
  visit: (block: number, quants: number, scale: number) => void,
): void {
  const blocks = (pageLength * headLength) / 32;
  for (let block = 0; block < byteLength / blockBytes; block++) {
    const page = Math.floor(block / blocks) * blocks * blockBytes;
    visit(block, page + (block % blocks) * 32, page + blocks * 32 + (block % blocks) * 2);
  }
}
