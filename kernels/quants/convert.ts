import { dequantize, fileBytes } from './dequantize.ts';
import { allFinite, quantize } from './quantize.ts';

/** Values that go through f32 at once: they stay in a core's cache. */
const slice = new Float32Array(2 ** 14);

/**
 * Whole blocks of `bytes`, of type `from`, as type `to`: byte for byte what llama-quantize writes. Undefined where a
 * value is no finite number, or too large for `to`.
 */
export function convert(from: string, to: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const sliceBytes = fileBytes(from, slice.length);
  const length = (bytes.length / sliceBytes) * slice.length;
  const converted = new Uint8Array(fileBytes(to, length));
  for (let start = 0; start < length; start += slice.length) {
    const values = slice.subarray(0, length - start);
    const source = fileBytes(from, start);
    const target = fileBytes(to, start);
    dequantize(from, bytes.subarray(source, source + sliceBytes), values);
    quantize(to, values, converted.subarray(target, target + fileBytes(to, values.length)));
  }
  return allFinite(to, converted) ? converted : undefined;
}
