import { expect, test } from 'vitest';
import { convert } from '../../../kernels/quants/convert.ts';
import { dequantize } from '../../../kernels/quants/dequantize.ts';
import { quantize } from '../../../kernels/quants/quantize.ts';

const values = Float32Array.from({ length: 2 ** 15 + 96 }, (_, i) => Math.sin(i * i) * 2 ** (i % 13));

test.each([
  ['F16', 'Q8_0'],
  ['BF16', 'Q8_0'],
  ['F32', 'F16'],
  ['F16', 'BF16'],
  ['Q8_0', 'F32'],
])('%s to %s in slices is what it is at once', (from, to) => {
  const bytes = quantize(from, values);
  expect(convert(from, to, bytes)).toEqual(quantize(to, dequantize(from, bytes)));
  expect(convert(from, to, new Uint8Array(0))).toEqual(new Uint8Array(0));
});

test('a flaw in the last slice is found', () => {
  const flawed = values.slice();
  flawed[flawed.length - 1] = Number.NaN;
  expect(convert('F32', 'Q8_0', quantize('F32', flawed))).toBeUndefined();
});
