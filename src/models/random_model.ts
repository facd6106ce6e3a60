/**
 * Untrained Llamas in ALIA's form, written by the project itself: the tests' fixtures, and the benches' models of any
 * size. The same options give the same bytes. Writing them is the gguf room's part:
 * `encodeGguf(metadata, tensors)` with each tensor's type looked up by its name.
 */
import { fileBlockLength } from '../../kernels/quants/dequantize.ts';
import { quantize } from '../../kernels/quants/quantize.ts';
import type { MetadataInput } from '../gguf/writer.ts';
import { RandomPools, randomBits, randomRows, randomVector } from './random_values.ts';
import { firstTextToken, randomVocabulary } from './random_vocabulary.ts';
import { llama3RopeFreqs } from './rope.ts';

export interface RandomModelOptions {
  seed?: number;
  name?: string;
  blockCount?: number;
  contextLength?: number;
  embeddingLength?: number;
  feedForwardLength?: number;
  headCount?: number;
  headCountKv?: number;
  /** Of keys and of values. Default embeddingLength / headCount. */
  keyLength?: number;
  vocabLength?: number;
  /** With rope_freqs.weight: llama3 scaling. Default true. */
  ropeFreqs?: boolean;
  /** Of that scaling. Default 8. */
  ropeFactor?: number;
  /** No output.weight: token_embd serves twice. Default false. */
  tiedOutput?: boolean;
  /** On every projection. Default false. */
  biases?: boolean;
  /** ggml's name of the matrices' type, or a choice by tensor name. Rows that no block divides become F16. */
  typeName?: string | ((tensorName: string) => string);
  /** Matrices repeat values from pools of so many bytes, which takes no longer than writing them. Default 0: none does. */
  poolBytes?: number;
  /** More keys, or other values for those there are. */
  metadata?: Readonly<Record<string, MetadataInput>>;
}

export interface RandomTensor {
  readonly name: string;
  /** ggml's. */
  readonly typeName: string;
  /** Row length first. */
  readonly dimensions: readonly number[];
  /** The file's bytes, made chunk by chunk as they are asked for. */
  readonly data: () => Iterable<Uint8Array>;
}

export interface RandomModel {
  readonly metadata: readonly (readonly [string, MetadataInput])[];
  readonly tensors: readonly RandomTensor[];
}

type Shape = Required<RandomModelOptions>;

const defaults = {
  seed: 1,
  name: 'random',
  blockCount: 2,
  contextLength: 4096,
  embeddingLength: 256,
  feedForwardLength: 768,
  headCount: 8,
  headCountKv: 1,
  vocabLength: 512,
  ropeFreqs: true,
  ropeFactor: 8,
  poolBytes: 0,
  tiedOutput: false,
  biases: false,
  typeName: 'Q8_0',
  metadata: {},
};
const ropeFreqBase = 10_000;

/** Without options: 1.8 MB, two layers, 8 heads to 1 KV head, 512 tokens. */
export function randomModel(options: RandomModelOptions = {}): RandomModel {
  const partial = { ...defaults, ...options };
  const shape = { keyLength: partial.embeddingLength / partial.headCount, ...partial };
  return { metadata: randomMetadata(shape), tensors: randomTensors(shape) };
}

function randomTensors(shape: Shape): RandomTensor[] {
  const { blockCount, embeddingLength, feedForwardLength, headCount, headCountKv, keyLength, vocabLength } = shape;
  const [qLength, kvLength] = [headCount * keyLength, headCountKv * keyLength];
  const tensors: RandomTensor[] = [];
  const pools = shape.poolBytes > 0 ? new RandomPools(shape.poolBytes) : undefined;
  const matrix = (name: string, columns: number, rows: number, gain: number, textGain = gain) => {
    tensors.push(randomMatrix(shape, name, columns, rows, { gain, textGain }, pools));
  };
  const vector = (name: string, length: number, mean: number) => {
    tensors.push(f32Vector(name, randomVector(length, mean, 0.2, randomBits(shape.seed, name))));
  };
  const projection = (name: string, columns: number, rows: number, gain: number) => {
    matrix(`${name}.weight`, columns, rows, gain);
    if (shape.biases) vector(`${name}.bias`, rows, 0);
  };

  // Logits deviate by 2.5; those of bytes and special tokens by less, so that greedy text is mostly text.
  const [gain, textGain] = [0.5, 2.5];
  if (shape.tiedOutput) matrix('token_embd.weight', embeddingLength, vocabLength, gain, textGain);
  else matrix('token_embd.weight', embeddingLength, vocabLength, Math.sqrt(embeddingLength));
  for (let i = 0; i < blockCount; i++) {
    vector(`blk.${i}.attn_norm.weight`, embeddingLength, 1);
    projection(`blk.${i}.attn_q`, embeddingLength, qLength, 1.5);
    projection(`blk.${i}.attn_k`, embeddingLength, kvLength, 1.5);
    projection(`blk.${i}.attn_v`, embeddingLength, kvLength, 1);
    projection(`blk.${i}.attn_output`, qLength, embeddingLength, 1);
    vector(`blk.${i}.ffn_norm.weight`, embeddingLength, 1);
    projection(`blk.${i}.ffn_gate`, embeddingLength, feedForwardLength, 1);
    projection(`blk.${i}.ffn_up`, embeddingLength, feedForwardLength, 1);
    projection(`blk.${i}.ffn_down`, feedForwardLength, embeddingLength, 1);
  }
  if (shape.ropeFreqs) tensors.push(randomRopeFreqs(shape));
  vector('output_norm.weight', embeddingLength, 1);
  if (!shape.tiedOutput) matrix('output.weight', embeddingLength, vocabLength, gain, textGain);
  return tensors;
}

/** Entries deviate by gain / √columns, which keeps what comes out at `gain` for what comes in at 1. */
function randomMatrix(
  { typeName, seed }: Shape,
  name: string,
  columns: number,
  rows: number,
  { gain, textGain }: { gain: number; textGain: number },
  pools: RandomPools | undefined,
): RandomTensor {
  const wanted = typeof typeName === 'string' ? typeName : typeName(name);
  const type = columns % fileBlockLength(wanted) === 0 ? wanted : 'F16';
  const [deviation, textDeviation] = [gain / Math.sqrt(columns), textGain / Math.sqrt(columns)];
  const drawn = () => {
    const byRow = (row: number) => (row < firstTextToken ? deviation : textDeviation);
    return randomRows(type, rows, columns, byRow, randomBits(seed, name));
  };
  function* repeated(from: RandomPools) {
    const bits = randomBits(seed, name);
    const head = gain === textGain ? 0 : Math.min(rows, firstTextToken);
    yield* from.values(type, head * columns, deviation, bits);
    yield* from.values(type, (rows - head) * columns, textDeviation, bits);
  }
  return { name, typeName: type, dimensions: [columns, rows], data: pools ? () => repeated(pools) : drawn };
}

function randomRopeFreqs({ keyLength, contextLength, ropeFactor: factor }: Shape): RandomTensor {
  const rope = { ropeDimensionCount: keyLength, ropeFreqBase };
  const scaling = { factor, originalContextLength: contextLength / factor, lowFreqFactor: 1, highFreqFactor: 4 };
  return f32Vector('rope_freqs.weight', Float32Array.from(llama3RopeFreqs(rope, scaling)));
}

function f32Vector(name: string, values: Float32Array): RandomTensor {
  return { name, typeName: 'F32', dimensions: [values.length], data: () => [quantize('F32', values)] };
}

function randomMetadata(shape: Shape): (readonly [string, MetadataInput])[] {
  const entries = new Map<string, MetadataInput>([
    ['general.architecture', 'llama'],
    ['general.name', shape.name],
    ['llama.block_count', uint32(shape.blockCount)],
    ['llama.context_length', uint32(shape.contextLength)],
    ['llama.embedding_length', uint32(shape.embeddingLength)],
    ['llama.feed_forward_length', uint32(shape.feedForwardLength)],
    ['llama.attention.head_count', uint32(shape.headCount)],
    ['llama.attention.head_count_kv', uint32(shape.headCountKv)],
    ['llama.attention.key_length', uint32(shape.keyLength)],
    ['llama.attention.value_length', uint32(shape.keyLength)],
    ['llama.attention.layer_norm_rms_epsilon', float32(1e-5)],
    ['llama.rope.dimension_count', uint32(shape.keyLength)],
    ['llama.rope.freq_base', float32(ropeFreqBase)],
    ['llama.vocab_size', uint32(shape.vocabLength)],
    ...randomVocabulary(shape.vocabLength),
    ...Object.entries(shape.metadata),
  ]);
  return [...entries];
}

function uint32(value: number): MetadataInput {
  return { type: 'uint32', value };
}

function float32(value: number): MetadataInput {
  return { type: 'float32', value };
}
