import { describe, expect, test } from 'vitest';
import type { Gguf, TensorInfo } from '../../src/gguf/gguf.ts';
import { createMetadata, type MetadataEntry } from '../../src/gguf/metadata.ts';
import { type ConfigOverrides, modelConfig } from '../../src/models/config.ts';

const minimal = {
  'general.architecture': 'llama',
  'llama.block_count': 2,
  'llama.context_length': 512,
  'llama.embedding_length': 64,
  'llama.feed_forward_length': 192,
  'llama.attention.head_count': 8,
  'llama.attention.layer_norm_rms_epsilon': 1e-5,
};

type Values = Record<string, string | number | Int32Array | readonly string[] | undefined>;

/** A header of these keys (undefined: left out) with a token_embd of `rows` rows. */
function header(values: Values, rows: number | undefined = 100, moreTensors: string[] = []): Gguf {
  const entries = Object.entries({ ...minimal, ...values }).filter(([, value]) => value !== undefined);
  const metadata = createMetadata('test.gguf', new Map(entries.map(([key, value]) => [key, entry(value!)])));
  const tensor = { dimensions: [64, rows] } as unknown as TensorInfo;
  const names = rows ? ['token_embd.weight', ...moreTensors] : moreTensors;
  return { version: 3, metadata, tensors: new Map(names.map((name) => [name, tensor])), sources: [] };
}

function entry(value: NonNullable<Values[string]>): MetadataEntry {
  if (typeof value === 'string') return { type: 'string', value };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'uint32' : 'float32', value };
  return { type: value instanceof Int32Array ? 'array<int32>' : 'array<string>', value };
}

const config = (values: Values, overrides?: ConfigOverrides) => modelConfig(header(values), overrides);

test('absent keys get the defaults of llama.cpp', () => {
  expect(config({})).toEqual({
    architecture: 'llama',
    blockCount: 2,
    contextLength: 512,
    embeddingLength: 64,
    feedForwardLength: 192,
    headCount: 8,
    headCountKv: 8,
    keyLength: 8,
    valueLength: 8,
    layerNormRmsEpsilon: 1e-5,
    vocabLength: 100,
    ropeDimensionCount: 8,
    ropeFreqBase: 10_000,
    ropeScaling: { type: 'none' },
  });
});

test('heads may be longer than embedding_length / head_count', () => {
  const lengths = { 'llama.attention.key_length': 16, 'llama.attention.value_length': 16 };
  expect(config(lengths)).toMatchObject({ keyLength: 16, valueLength: 16, ropeDimensionCount: 16 });
});

test('per-layer arrays are read where all layers agree', () => {
  expect(config({ 'llama.attention.head_count_kv': Int32Array.of(2, 2) }).headCountKv).toBe(2);
});

test('the vocabulary length comes from token_embd, the tokens or vocab_size', () => {
  const tokens = { 'tokenizer.ggml.tokens': ['a', 'b', 'c'] };
  expect(modelConfig(header(tokens, 3)).vocabLength).toBe(3);
  expect(modelConfig(header(tokens, 0)).vocabLength).toBe(3);
  expect(modelConfig(header({ 'llama.vocab_size': 7 }, 0)).vocabLength).toBe(7);
  expect(() => modelConfig(header(tokens, 4))).toThrow('token_embd.weight has 4 rows, but tokenizer.ggml.tokens has 3');
});

describe('rope scaling', () => {
  test.each<[string, Values, object]>([
    ['linear', { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4 }, { type: 'linear', factor: 4 }],
    ['a factor alone is linear', { 'llama.rope.scaling.factor': 2 }, { type: 'linear', factor: 2 }],
    ["old files' scale_linear", { 'llama.rope.scale_linear': 8 }, { type: 'linear', factor: 8 }],
    [
      'none ignores the factor',
      { 'llama.rope.scaling.type': 'none', 'llama.rope.scaling.factor': 4 },
      { type: 'none' },
    ],
    ['a factor of 0', { 'llama.rope.scaling.factor': 0 }, { type: 'none' }],
    [
      'yarn that scales nothing',
      { 'llama.rope.scaling.type': 'yarn', 'llama.rope.scaling.factor': 1 },
      { type: 'none' },
    ],
    ['longrope that scales nothing', { 'llama.rope.scaling.type': 'longrope' }, { type: 'none' }],
  ])('%s', (_, values, expected) => expect(config(values).ropeScaling).toEqual(expected));

  test('longrope with its factors is refused', () => {
    const file = header({ 'llama.rope.scaling.type': 'longrope' }, 100, ['rope_factors_long.weight']);
    expect(() => modelConfig(file)).toThrow('llama.rope.scaling.type "longrope" is not supported yet');
  });

  test('the command line overrides the file', () => {
    const yarn = { 'llama.rope.scaling.type': 'yarn', 'llama.rope.scaling.factor': 40 };
    const llama3 = config(yarn, { ropeScaling: 'llama3', ropeFactor: 40, ropeOrigContext: 4096 }).ropeScaling;
    const bands = { lowFreqFactor: 1, highFreqFactor: 4 };
    expect(llama3).toEqual({ type: 'llama3', factor: 40, originalContextLength: 4096, ...bands });
    expect(config(yarn, { ropeScaling: 'none' }).ropeScaling).toEqual({ type: 'none' });
    expect(config(yarn, { ropeScaling: 'linear' }).ropeScaling).toEqual({ type: 'linear', factor: 40 });
  });

  test.each<[ConfigOverrides, string]>([
    [{ ropeScaling: 'llama3', ropeFactor: 40 }, 'needs --rope-orig-context'],
    [{ ropeScaling: 'llama3', ropeOrigContext: 4096 }, 'needs --rope-factor'],
    [{ ropeScaling: 'linear', ropeFactor: Number.NaN }, 'needs --rope-factor'],
    [{ ropeFactor: 40 }, 'need --rope-scaling'],
  ])('%o is refused', (overrides, message) => expect(() => config({}, overrides)).toThrow(message));
});

test.each<[Values, string]>([
  [{ 'general.architecture': 'gemma2' }, 'architecture "gemma2" is not supported yet; supported: llama'],
  [{ 'general.architecture': undefined }, '"general.architecture" is missing'],
  [{ 'llama.expert_count': 8 }, 'expert models are not supported yet (llama.expert_count is not 0)'],
  [{ 'llama.block_count': undefined }, '"llama.block_count" is missing'],
  [{ 'llama.block_count': 0 }, 'llama.block_count is 0, not a whole number from 1 to 512'],
  [{ 'llama.block_count': 2 ** 31 }, 'llama.block_count is 2147483648'],
  [{ 'llama.context_length': 'long' }, '"llama.context_length" is string, not a number'],
  [{ 'llama.embedding_length': 63.5 }, 'llama.embedding_length is 63.5'],
  [{ 'llama.attention.head_count': 7 }, 'llama.attention.key_length is 9.14'],
  [{ 'llama.attention.head_count_kv': 3 }, 'llama.attention.head_count 8 is not a multiple of the 3 KV heads'],
  [{ 'llama.attention.head_count_kv': 0 }, 'llama.attention.head_count_kv is 0'],
  [{ 'llama.feed_forward_length': Int32Array.of(192, 128) }, 'llama.feed_forward_length differs between layers'],
  [{ 'llama.feed_forward_length': Int32Array.of(192) }, 'llama.feed_forward_length has 1 entries for 2 layers'],
  [{ 'llama.feed_forward_length': Int32Array.of(-1, -1) }, 'llama.feed_forward_length is -1'],
  [{ 'llama.attention.value_length': 4 }, 'llama.attention.value_length 4 differs from llama.attention.key_length 8'],
  [{ 'llama.rope.dimension_count': 4 }, 'llama.rope.dimension_count 4 differs from llama.attention.key_length 8'],
  [{ 'llama.embedding_length': 56 }, 'llama.rope.dimension_count 7 is odd'],
  [{ 'llama.attention.layer_norm_rms_epsilon': undefined }, 'layer_norm_rms_epsilon" is missing'],
  [{ 'llama.attention.layer_norm_rms_epsilon': Number.NaN }, 'layer_norm_rms_epsilon is NaN, not between 0 and 1'],
  [{ 'llama.rope.freq_base': 0 }, 'llama.rope.freq_base is 0, not between 1'],
  [{ 'llama.rope.scaling.factor': -2 }, 'llama.rope.scaling.factor is -2'],
  [{ 'llama.rope.scaling.attn_factor': 1.2 }, 'llama.rope.scaling.attn_factor 1.2 is not supported yet'],
  [{ 'llama.rope.scaling.type': 'yarn', 'llama.rope.scaling.factor': 4 }, 'type "yarn" is not supported yet'],
  [{ 'llama.rope.scaling.type': 'llama3' }, 'type "llama3" is not supported yet; use --rope-scaling llama3'],
])('%o is refused', (values, message) => expect(() => config(values)).toThrow(message));
