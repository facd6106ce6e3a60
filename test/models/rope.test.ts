import { expect, test } from 'vitest';
import { fillRope, findLlama3Scaling, llama3RopeFreqs, ropeFrequencies } from '../../src/models/rope.ts';

// ALIA's: model.md has the two values of element 45, one for each original context.
const alia = { ropeDimensionCount: 128, ropeFreqBase: 10_000, ropeScaling: { type: 'none' } } as const;
const llama3 = (originalContextLength: number) =>
  ({ type: 'llama3', factor: 40, originalContextLength, lowFreqFactor: 1, highFreqFactor: 4 }) as const;

test('llama3 factors: element 45 tells 4096 from 8192', () => {
  const right = llama3RopeFreqs(alia, llama3(4096));
  const wrong = llama3RopeFreqs(alia, llama3(8192));
  expect(right[45]).toBeCloseTo(38.08, 2);
  expect(wrong[45]).toBeCloseTo(2.837, 3);
  const differing = [...right.keys()].filter((i) => right[i] !== wrong[i]);
  expect([differing.at(0), differing.at(-1)]).toEqual([36, 49]);
  expect([right[0], right[63]]).toEqual([1, 40]);
});

test('rope_freqs divides', () => {
  const plain = ropeFrequencies(alia);
  const divided = ropeFrequencies(alia, new Float32Array(64).fill(8));
  expect(plain[0]).toBe(1);
  expect(plain[32]).toBeCloseTo(0.01, 15);
  expect([...divided]).toEqual([...plain.map((frequency) => frequency / 8)]);
});

test('linear scaling divides every frequency, beside rope_freqs', () => {
  const linear = { ...alia, ropeScaling: { type: 'linear', factor: 4 } } as const;
  expect([...ropeFrequencies(linear)]).toEqual([...ropeFrequencies(alia).map((frequency) => frequency / 4)]);
  expect(ropeFrequencies(linear, new Float32Array(64).fill(2))[0]).toBe(1 / 8);
});

test("an overriding llama3 replaces the file's rope_freqs", () => {
  const overridden = ropeFrequencies({ ...alia, ropeScaling: llama3(4096) }, new Float32Array(64).fill(7));
  const fromFile = ropeFrequencies(alia, Float32Array.from(llama3RopeFreqs(alia, llama3(4096))));
  for (let i = 0; i < 64; i++) expect(overridden[i]! / fromFile[i]!).toBeCloseTo(1, 6);
});

test.each([4096, 8192])('a file computed for %i is recognised', (originalContextLength) => {
  const ropeFreqs = Float32Array.from(llama3RopeFreqs(alia, llama3(originalContextLength)));
  const { type: _, ...scaling } = llama3(originalContextLength);
  expect(findLlama3Scaling(alia, ropeFreqs)).toEqual(scaling);
});

test('other rope_freqs are not taken for llama3', () => {
  expect(findLlama3Scaling(alia, new Float32Array(64).fill(1))).toBeUndefined();
  expect(
    findLlama3Scaling(
      alia,
      Float32Array.from({ length: 64 }, (_, i) => 1 + i),
    ),
  ).toBeUndefined();
});

test('rope_freqs of another length or not positive are refused', () => {
  expect(() => ropeFrequencies(alia, new Float32Array(32))).toThrow('rope_freqs.weight has 32 values, not 64');
  expect(() => ropeFrequencies(alia, new Float32Array(64))).toThrow('rope_freqs.weight holds 0');
  expect(() => ropeFrequencies(alia, new Float32Array(64).fill(Number.NaN))).toThrow('rope_freqs.weight holds NaN');
});

test('cos and sin are interleaved from the offset on, exact at far positions', () => {
  const target = new Float32Array(7).fill(9);
  fillRope(Float64Array.of(1, 1e-4), 163_839, target, 2);
  const expected = [9, 9, Math.cos(163_839), Math.sin(163_839), Math.cos(16.3839), Math.sin(16.3839), 9];
  expect([...target]).toEqual(expected.map(Math.fround));
});
