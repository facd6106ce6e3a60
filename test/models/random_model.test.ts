import { describe, expect, test } from 'vitest';
import { modelConfig } from '../../src/models/config.ts';
import type { RandomModelOptions } from '../../src/models/random_model.ts';
import { firstTextToken, randomVocabulary } from '../../src/models/random_vocabulary.ts';
import { findLlama3Scaling } from '../../src/models/rope.ts';
import { fixtures, randomGguf, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { argmax } from '../reference/compare.ts';
import { ReferenceSequence } from '../reference/forward.ts';
import { readReferenceModel } from '../reference/model.ts';

const cases = Object.entries<RandomModelOptions>({ default: {}, 'from pools': { poolBytes: 2 ** 16 }, ...fixtures });

test.each(cases)('%s gives logits of a sensible size, and text tokens', async (_, options) => {
  const model = await readReferenceModel(await randomGguf(options));
  const logits = new ReferenceSequence(model).forward([1, 270, 280, 290, 300]);
  for (const row of logits) {
    const deviation = Math.sqrt(row.reduce((sum, logit) => sum + logit ** 2, 0) / row.length);
    expect(deviation).toBeGreaterThan(0.5);
    expect(deviation).toBeLessThan(5);
    expect(argmax(row)).toBeGreaterThanOrEqual(firstTextToken);
  }
});

test('the fixtures are what they are called', async () => {
  const typesOf = async (options: RandomModelOptions) => {
    const { tensors } = await randomGguf(options);
    return [...new Set([...tensors.values()].filter((t) => t.dimensions.length > 1).map((t) => t.type.name))].sort();
  };
  expect(await typesOf(fixtures.alia)).toEqual(['Q8_0']);
  expect(await typesOf(fixtures.mixed)).toEqual(['BF16', 'F16', 'F32', 'Q8_0']);
  expect(await typesOf(fixtures.oddRows)).toEqual(['F16']);
  expect((await randomGguf(fixtures.tied)).tensors.has('output.weight')).toBe(false);
  expect((await randomGguf(fixtures.biases)).tensors.get('blk.1.ffn_down.bias')?.dimensions).toEqual([64]);
  expect(modelConfig(await randomGguf(fixtures.linearRope)).ropeScaling).toEqual({ type: 'linear', factor: 4 });
  expect(modelConfig(await randomGguf(fixtures.longHeads))).toMatchObject({ keyLength: 32, headCount: 4 });
});

test('the default is 1 to 2 MB in the form of ALIA, and the same every time', async () => {
  const bytes = await randomGgufBytes();
  expect(bytes.length).toBeGreaterThan(1e6);
  expect(bytes.length).toBeLessThan(2e6);
  expect(await randomGgufBytes()).toEqual(bytes);
  expect(await randomGgufBytes({ seed: 2 })).not.toEqual(bytes);
  const gguf = await randomGguf();
  expect(modelConfig(gguf)).toMatchObject({ headCount: 8, headCountKv: 1, vocabLength: 512 });
  const { ropeFrequencies: _, config } = await readReferenceModel(gguf);
  const { source, offset, byteLength } = gguf.tensors.get('rope_freqs.weight')!;
  const ropeFreqs = new Float32Array(byteLength / 4);
  await source.read(offset, new Uint8Array(ropeFreqs.buffer));
  expect(findLlama3Scaling(config, ropeFreqs)).toMatchObject({ factor: 8, originalContextLength: 512 });
});

describe('the vocabulary', () => {
  test.each([firstTextToken + 1, 512, 32_001])('of %i has that many different pieces', (length) => {
    const keys = new Map(randomVocabulary(length));
    const tokens = keys.get('tokenizer.ggml.tokens') as string[];
    expect(new Set(tokens).size).toBe(length);
    expect(tokens.slice(0, 7)).toEqual(['<unk>', '<s>', '</s>', '<pad>', '<|im_start|>', '<|im_end|>', '<0x00>']);
    expect(tokens[firstTextToken]).toBe('▁');
  });

  test('every piece but the single characters is made of two others', () => {
    const tokens = new Map(randomVocabulary(9000)).get('tokenizer.ggml.tokens') as string[];
    const known = new Set(tokens.slice(firstTextToken));
    const isReachable = (piece: string) =>
      piece.length === 1 ||
      Array.from({ length: piece.length - 1 }, (_, i) => i + 1).some(
        (i) => known.has(piece.slice(0, i)) && known.has(piece.slice(i)),
      );
    expect([...known].filter((piece) => !isReachable(piece))).toEqual([]);
  });

  test('needs room for a text token', () => {
    expect(() => randomVocabulary(firstTextToken)).toThrow('more than 262 tokens');
  });
});
