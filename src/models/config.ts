/**
 * A model's numbers, read from GGUF metadata under its own key names, with llama.cpp's defaults for absent keys
 * (llama_model::load_hparams). Every number is bounded: what a hostile file says sizes allocations later.
 */
import type { Gguf } from '../gguf/gguf.ts';
import type { Metadata } from '../gguf/metadata.ts';

export interface ModelConfig {
  readonly architecture: string;
  readonly blockCount: number;
  /** The length the model was trained for, in tokens. What is run with is chosen by memory. */
  readonly contextLength: number;
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly headCount: number;
  /** Divides headCount. */
  readonly headCountKv: number;
  /** Length of a head's keys and queries; equal to valueLength for `llama`. */
  readonly keyLength: number;
  readonly valueLength: number;
  readonly layerNormRmsEpsilon: number;
  /** Rows of token_embd.weight. */
  readonly vocabLength: number;
  /** Even; equal to keyLength for `llama`. */
  readonly ropeDimensionCount: number;
  readonly ropeFreqBase: number;
  readonly ropeScaling: RopeScaling;
}

/** How positions beyond the trained ones are reached; a file's rope_freqs.weight comes on top, except for `llama3`. */
export type RopeScaling =
  | { readonly type: 'none' }
  /** Every frequency is divided by `factor`. */
  | { readonly type: 'linear'; readonly factor: number }
  /** The factors of rope_freqs.weight, computed here instead of taken from the file. */
  | ({ readonly type: 'llama3' } & Llama3Scaling);

export interface Llama3Scaling {
  readonly factor: number;
  readonly originalContextLength: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
}

/** What a caller may say instead of the file. */
export interface ConfigOverrides {
  /** How positions beyond those trained are scaled. Default: as the file says. */
  ropeScaling?: 'none' | 'linear' | 'llama3';
  /** Times the trained context, above 0. Default: as the file says. */
  ropeFactor?: number;
  /** The trained context, in tokens; for `llama3`. Default: as the file says. */
  ropeOrigContext?: number;
}

/** The file (or an override) asks for what this engine cannot run. The message names the key. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

const supportedArchitectures = ['llama'];

// Far above any published model, far below what overflows an index or an allocation's size.
const maxBlockCount = 512;
const maxContextLength = 2 ** 27;
const maxEmbeddingLength = 2 ** 17;
const maxFeedForwardLength = 2 ** 20;
const maxHeadCount = 2 ** 10;
const maxKeyLength = 2 ** 10;
const maxVocabLength = 2 ** 22;
const maxRopeFactor = 2 ** 16;

/** Throws `ConfigError`, or `GgufError` for a key that is missing or of another type. */
export function modelConfig(gguf: Gguf, overrides: ConfigOverrides = {}): ModelConfig {
  const { metadata } = gguf;
  const architecture = metadata.string('general.architecture');
  if (!supportedArchitectures.includes(architecture)) {
    const supported = supportedArchitectures.join(', ');
    throw new ConfigError(`architecture ${shown(architecture)} is not supported yet; supported: ${supported}`);
  }
  const key = (name: string) => `${architecture}.${name}`;
  if (metadata.number(key('expert_count'), 0) > 0) {
    throw new ConfigError(`expert models are not supported yet (${key('expert_count')} is not 0)`);
  }

  const blockCount = count(metadata, key('block_count'), maxBlockCount);
  const contextLength = count(metadata, key('context_length'), maxContextLength);
  const embeddingLength = count(metadata, key('embedding_length'), maxEmbeddingLength);
  const feedForwardLength = layerCount(metadata, key('feed_forward_length'), blockCount, maxFeedForwardLength);
  const headCount = layerCount(metadata, key('attention.head_count'), blockCount, maxHeadCount);
  const headCountKv = layerCount(metadata, key('attention.head_count_kv'), blockCount, maxHeadCount, headCount);
  if (headCount % headCountKv !== 0) {
    throw new ConfigError(
      `${key('attention.head_count')} ${headCount} is not a multiple of the ${headCountKv} KV heads`,
    );
  }

  const headLength = embeddingLength / headCount;
  const keyLength = count(metadata, key('attention.key_length'), maxKeyLength, headLength);
  const valueLength = count(metadata, key('attention.value_length'), maxKeyLength, headLength);
  const ropeDimensionCount = count(metadata, key('rope.dimension_count'), maxKeyLength, keyLength);
  requireEqual(key('attention.value_length'), valueLength, key('attention.key_length'), keyLength);
  requireEqual(key('rope.dimension_count'), ropeDimensionCount, key('attention.key_length'), keyLength);
  if (ropeDimensionCount % 2 !== 0) {
    throw new ConfigError(`${key('rope.dimension_count')} ${ropeDimensionCount} is odd; RoPE turns pairs`);
  }

  return {
    architecture,
    blockCount,
    contextLength,
    embeddingLength,
    feedForwardLength,
    headCount,
    headCountKv,
    keyLength,
    valueLength,
    layerNormRmsEpsilon: real(metadata, key('attention.layer_norm_rms_epsilon'), 0, 1),
    vocabLength: vocabLength(gguf, key('vocab_size')),
    ropeDimensionCount,
    ropeFreqBase: real(metadata, key('rope.freq_base'), 1, 1e12, 10_000),
    ropeScaling: overrides.ropeScaling
      ? overriddenRopeScaling(overrides, overrides.ropeScaling, metadata, key)
      : ropeScaling(gguf, key, overrides),
  };
}

/** `rope.scaling.*` as llama.cpp reads it: linear unless said otherwise, and a factor of 0 or none scales nothing. */
function ropeScaling(gguf: Gguf, key: (name: string) => string, overrides: ConfigOverrides): RopeScaling {
  if (overrides.ropeFactor !== undefined || overrides.ropeOrigContext !== undefined) {
    throw new ConfigError('--rope-factor and --rope-orig-context need --rope-scaling linear or llama3');
  }
  const { metadata } = gguf;
  const attnFactor = metadata.number(key('rope.scaling.attn_factor'), 1);
  if (attnFactor !== 1) {
    throw new ConfigError(`${key('rope.scaling.attn_factor')} ${attnFactor} is not supported yet (only 1)`);
  }
  const type = metadata.string(key('rope.scaling.type'), 'linear');
  if (type === 'none') return { type: 'none' };

  const oldName = real(metadata, key('rope.scale_linear'), 0, maxRopeFactor, 0);
  const factor = real(metadata, key('rope.scaling.factor'), 0, maxRopeFactor, oldName) || 1;
  if (type === 'linear') return factor === 1 ? { type: 'none' } : { type: 'linear', factor };

  const scalesNothing =
    factor === 1 &&
    (type === 'yarn' ||
      (type === 'longrope' &&
        !gguf.tensors.has('rope_factors_long.weight') &&
        !gguf.tensors.has('rope_factors_short.weight')));
  if (scalesNothing) return { type: 'none' };
  const hint = type === 'llama3' ? '; use --rope-scaling llama3 with --rope-factor and --rope-orig-context' : '';
  throw new ConfigError(`${key('rope.scaling.type')} ${shown(type)} is not supported yet${hint}`);
}

function overriddenRopeScaling(
  overrides: ConfigOverrides,
  type: 'none' | 'linear' | 'llama3',
  metadata: Metadata,
  key: (name: string) => string,
): RopeScaling {
  if (type === 'none') return { type };
  const factor = overrides.ropeFactor ?? metadata.number(key('rope.scaling.factor'), 0);
  if (!(factor > 0 && factor <= maxRopeFactor)) {
    throw new ConfigError(`--rope-scaling ${type} needs --rope-factor between 0 and ${maxRopeFactor}`);
  }
  if (type === 'linear') return { type, factor };
  const originalContextLength =
    overrides.ropeOrigContext ?? metadata.number(key('rope.scaling.original_context_length'), 0);
  if (!(Number.isInteger(originalContextLength) && originalContextLength > 0)) {
    throw new ConfigError('--rope-scaling llama3 needs --rope-orig-context, a number of tokens');
  }
  return { type, factor, originalContextLength, lowFreqFactor: 1, highFreqFactor: 4 };
}

/** The rows of token_embd.weight; the vocabulary must have as many tokens, or ids would point past one of the two. */
function vocabLength(gguf: Gguf, vocabSizeKey: string): number {
  const { metadata, tensors } = gguf;
  const tokens = metadata.has('tokenizer.ggml.tokens') ? metadata.strings('tokenizer.ggml.tokens').length : undefined;
  const rows = tensors.get('token_embd.weight')?.dimensions[1];
  if (rows === undefined) return tokens ?? count(metadata, vocabSizeKey, maxVocabLength);
  if (tokens !== undefined && tokens !== rows) {
    throw new ConfigError(`token_embd.weight has ${rows} rows, but tokenizer.ggml.tokens has ${tokens} tokens`);
  }
  if (rows > maxVocabLength) throw new ConfigError(`token_embd.weight has ${rows} rows, more than ${maxVocabLength}`);
  return rows;
}

/** A whole number from 1 to `max`. */
function count(metadata: Metadata, key: string, max: number, fallback?: number): number {
  const value = metadata.number(key, fallback);
  if (!(Number.isInteger(value) && value >= 1 && value <= max)) {
    throw new ConfigError(`${key} is ${value}, not a whole number from 1 to ${max}`);
  }
  return value;
}

/** A count that llama.cpp also takes as an array with an entry per layer: here they must all be equal. */
function layerCount(metadata: Metadata, key: string, blockCount: number, max: number, fallback?: number): number {
  if (typeof metadata.get(key) !== 'object') return count(metadata, key, max, fallback);
  const values = Array.from(metadata.numbers(key));
  const value = values[0];
  if (values.length !== blockCount) {
    throw new ConfigError(`${key} has ${values.length} entries for ${blockCount} layers`);
  }
  if (value === undefined || values.some((other) => other !== value)) {
    throw new ConfigError(`${key} differs between layers, which is not supported yet`);
  }
  if (!(Number.isInteger(value) && value >= 1 && value <= max)) {
    throw new ConfigError(`${key} is ${value}, not a whole number from 1 to ${max}`);
  }
  return value;
}

function real(metadata: Metadata, key: string, min: number, max: number, fallback?: number): number {
  const value = metadata.number(key, fallback);
  if (!(value >= min && value <= max)) throw new ConfigError(`${key} is ${value}, not between ${min} and ${max}`);
  return value;
}

function requireEqual(key: string, value: number, otherKey: string, other: number): void {
  if (value !== other)
    throw new ConfigError(`${key} ${value} differs from ${otherKey} ${other}, which is not supported`);
}

/** Text out of a file, quoted and short: it ends up on a terminal. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
