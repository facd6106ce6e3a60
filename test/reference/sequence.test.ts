import { expect, test } from 'vitest';
import { fixtures, randomGguf } from '../fixtures/random_gguf.ts';
import { compareLogits } from './compare.ts';
import { ReferenceSequence } from './forward.ts';
import { readReferenceModel } from './model.ts';

const tokens = Array.from({ length: 70 }, (_, i) => 262 + ((i * i) % 69));

test('tokens may come in any number of calls', async () => {
  const model = await readReferenceModel(await randomGguf(fixtures.biases));
  const whole = new ReferenceSequence(model).forward(tokens);
  const sequence = new ReferenceSequence(model);
  const parts = [tokens.slice(0, 1), tokens.slice(1, 67), tokens.slice(67)].flatMap((part) => sequence.forward(part));
  expect(parts).toEqual(whole);
  expect(new ReferenceSequence(model).forward(tokens, (index) => index % 23 === 5)).toEqual([
    whole[5],
    whole[28],
    whole[51],
  ]);
});

test('int8 activations are for Q8_0 matrices alone', async () => {
  const nmse = async (name: 'f32' | 'mixed' | 'alia') => {
    const model = await readReferenceModel(await randomGguf(fixtures[name]));
    const quantized = new ReferenceSequence(model, { quantizedActivations: true }).forward(tokens);
    return compareLogits(quantized, new ReferenceSequence(model).forward(tokens)).nmse;
  };
  expect(await nmse('f32')).toBe(0);
  expect(await nmse('mixed')).toBeGreaterThan(0);
  expect(await nmse('alia')).toBeGreaterThan(0);
  expect(await nmse('alia')).toBeLessThan(1e-2);
});

test('the position matters, with and without rope_freqs', async () => {
  const model = await readReferenceModel(await randomGguf(fixtures.alia));
  const without = await readReferenceModel(await randomGguf({ ...fixtures.alia, ropeFreqs: false }));
  const logits = new ReferenceSequence(model).forward(tokens);
  expect(compareLogits(new ReferenceSequence(without).forward(tokens), logits).nmse).toBeGreaterThan(1e-3);
  const swapped = [tokens[1]!, tokens[0]!, ...tokens.slice(2)];
  expect(compareLogits(new ReferenceSequence(model).forward(swapped).slice(2), logits.slice(2)).nmse).toBeGreaterThan(
    1e-4,
  );
});

test('a token that is not in the vocabulary is refused', async () => {
  const sequence = new ReferenceSequence(await readReferenceModel(await randomGguf(fixtures.oneBlock)));
  expect(() => sequence.forward([331])).toThrow('token 331 is not in the vocabulary');
});
