import { allFinite, dequantize, fileBytes, quantize } from './dequantize.ts';

/** Values that go through f32 at once: they stay in a core's cache. */
const sliceLength = 2 ** 14;

/**
 * Whole blocks of `bytes`, of type `from`, as type `to`: byte for byte what llama-quantize writes. Undefined where a
 * value is no finite number, or too large for `to`.
 */
export function convert(from: string, to: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const sliceBytes = fileBytes(from, sliceLength);
  const length = (bytes.length / sliceBytes) * sliceLength;
  const converted = new Uint8Array(fileBytes(to, length));
  for (let start = 0, end = 0; start < bytes.length; start += sliceBytes) {
    const slice = quantize(to, dequantize(from, bytes.subarray(start, start + sliceBytes)));
    if (!allFinite(to, slice)) return undefined;
    converted.set(slice, end);
    end += slice.length;
  }
  return converted;
}
