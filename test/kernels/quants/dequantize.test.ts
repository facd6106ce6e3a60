import { describe, expect, test } from 'vitest';
import { dequantize } from '../../../kernels/quants/dequantize.ts';
import { f16ToF32, f32ToBf16, f32ToF16, roundHalfToEven } from '../../../kernels/quants/floats.ts';
import { allFinite, quantize } from '../../../kernels/quants/quantize.ts';

describe('f16', () => {
  test('every f16 survives the way to f32 and back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const back = f32ToF16(f16ToF32(bits));
      if ((bits & 0x7fff) > 0x7c00) expect(back & 0x7fff).toBe(0x7e00);
      else expect(back).toBe(bits);
    }
  });

  test.each([
    ['one', 1, 0x3c00],
    ['minus zero', -0, 0x8000],
    ['the largest', 65504, 0x7bff],
    ['just below the midpoint to infinity', 65519.996, 0x7bff],
    ['the midpoint to infinity', 65520, 0x7c00],
    ['minus infinity', -Infinity, 0xfc00],
    ['the smallest normal', 2 ** -14, 0x0400],
    ['the largest subnormal rounds up to normal', 2 ** -14 - 2 ** -26, 0x0400],
    ['the smallest subnormal', 2 ** -24, 0x0001],
    ['half of it: to even', 2 ** -25, 0x0000],
    ['above half of it', 2 ** -25 + 2 ** -48, 0x0001],
    ['three halves of it: to even', 3 * 2 ** -25, 0x0002],
    ['a tie to even, down', 1 + 2 ** -11, 0x3c00],
    ['a tie to even, up', 1 + 3 * 2 ** -11, 0x3c02],
    ['a carry into the exponent', 2 - 2 ** -12, 0x4000],
    ['f32 subnormal', 2 ** -149, 0x0000],
  ])('%s', (_, value, bits) => expect(f32ToF16(value)).toBe(bits));

  test('decodes from an unaligned view', () => {
    const bytes = new Uint8Array([9, 0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00]).subarray(1);
    expect([...dequantize('F16', bytes)]).toEqual([1, -2, 2 ** -24]);
  });
});

test('bf16 rounds to nearest even and keeps NaN and infinity', () => {
  expect(f32ToBf16(1)).toBe(0x3f80);
  expect(f32ToBf16(1 + 2 ** -8)).toBe(0x3f80);
  expect(f32ToBf16(1 + 3 * 2 ** -8)).toBe(0x3f82);
  expect(f32ToBf16(3.4028234663852886e38)).toBe(0x7f80);
  expect(f32ToBf16(-Infinity)).toBe(0xff80);
  expect(f32ToBf16(Number.NaN) & 0x7fff).toBeGreaterThan(0x7f80);
  const values = Float32Array.of(-1.5, 0, 2 ** -130, 3e38);
  const bytes = quantize('BF16', values);
  expect(quantize('BF16', dequantize('BF16', bytes))).toEqual(bytes);
});

test('f32 is copied as it stands', () => {
  const values = Float32Array.of(1.25, -0, 1e-45);
  const bytes = quantize('F32', values);
  expect(dequantize('F32', Buffer.from(bytes))).toEqual(values);
});

describe('q8_0', () => {
  test('decodes d · q from 34-byte blocks', () => {
    const bytes = new Uint8Array(68);
    bytes.set([0x00, 0x38], 0); // d = 0.5
    bytes.set([1, 0xff, 127, 0x80], 2);
    bytes.set([0x01, 0x80], 34); // d = −2^-24
    bytes[34 + 33] = 3;
    const values = dequantize('Q8_0', bytes);
    expect([...values.subarray(0, 5)]).toEqual([0.5, -0.5, 63.5, -64, 0]);
    expect(values[63]).toBe(-3 * 2 ** -24);
  });

  test('quantises with the unrounded d, halves away from zero', () => {
    const values = new Float32Array(64); // the second block stays all zeros
    values.set([127, 0.5, -0.5, 1.5, -2.5, 0.49999997, -127]);
    const bytes = quantize('Q8_0', values);
    expect([...bytes.subarray(0, 2)]).toEqual([0x00, 0x3c]); // d = 1
    expect([...new Int8Array(bytes.buffer, 2, 7)]).toEqual([127, 1, -1, 2, -3, 0, -127]);
    expect(bytes.subarray(34).every((byte) => byte === 0)).toBe(true);
  });

  test('loses at most half a step and the rounding of d', () => {
    const values = Float32Array.from({ length: 320 }, (_, i) => Math.sin(i * i) * 2 ** (i % 7));
    const bytes = quantize('Q8_0', values);
    const error = dequantize('Q8_0', bytes).map((value, i) => Math.abs(value - values[i]!));
    expect(Math.max(...error)).toBeLessThan((0.51 * 64) / 127);
  });
});

test('roundings of halves', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994].map(roundHalfToEven)).toEqual([0, 2, 2, 0, -2, 0]);
});

test.each([
  ['F32', [Number.NaN, Infinity, -Infinity], [3.4e38, -0, 1e-45]],
  ['F16', [Number.NaN, Infinity, 65520], [65519, -65504, 1e-9]],
  ['BF16', [Number.NaN, -Infinity, 3.4e38], [3.3e38, -1]],
  ['Q8_0', [Number.NaN, Infinity, -65520 * 127], [65519 * 127, 0]],
])('%s: values that are no finite numbers are found', (typeName, flawed, sound) => {
  const has = (value: number) => {
    const values = new Float32Array(64).fill(1);
    values[63] = value;
    return !allFinite(typeName, quantize(typeName, values));
  };
  expect(flawed.map(has)).toEqual(flawed.map(() => true));
  expect(sound.map(has)).toEqual(sound.map(() => false));
});

test('refuses other types and partial blocks by name', () => {
  expect(() => dequantize('Q4_0', new Uint8Array(18))).toThrow('type Q4_0 is not supported yet; supported: F32, F16');
  expect(() => dequantize('toString', new Uint8Array(0))).toThrow('toString is not supported');
  expect(() => dequantize('Q8_0', new Uint8Array(33))).toThrow('Q8_0: 33 bytes are not whole blocks of 34');
  expect(() => quantize('Q8_0', new Float32Array(31))).toThrow('31 values');
});
