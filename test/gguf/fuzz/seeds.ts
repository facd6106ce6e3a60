/** The files that the lies start from: the project's own fixtures, and the small ones of the shared data where it is. */
import { readdirSync, readFileSync } from 'node:fs';
import { ggmlType, ggmlTypes } from '../../../src/gguf/ggml_types.ts';
import { fileParts } from '../../../src/gguf/split_plan.ts';
import { encodeGguf, float32, type MetadataInput, uint32 } from '../../../src/gguf/writer.ts';
import { llama3RopeFreqs } from '../../../src/models/rope.ts';
import { fixtures, randomGgufBytes } from '../../fixtures/random_gguf.ts';
import { hasSharedData, sharedData } from '../../fixtures/shared_data.ts';
import { wholeInput } from './examine.ts';
import type { Input } from './mutate.ts';

/** Larger ones would only slow the run. */
const MAX_HEADER_BYTES = 300_000;

export interface Seeds {
  readonly inputs: readonly Input[];
  /** What the first file of the split among `inputs` belongs to. */
  readonly siblings: readonly Input[];
}

export async function makeSeeds(): Promise<Seeds> {
  const models = [fixtures.alia, fixtures.mixed, fixtures.biases, { ...fixtures.oddRows, blockCount: 1 }];
  const made = [
    ...(await Promise.all(models.map((model) => randomGgufBytes(model)))),
    await oddFile(),
    await keysFile(),
    await encodeGguf([]),
  ];
  const [first, ...siblings] = await Promise.all((await splitFiles()).map(wholeInput));
  const inputs = await Promise.all([...made, ...sharedFiles()].map(wholeInput));
  return { inputs: [first!, ...inputs.filter(({ header }) => header.length <= MAX_HEADER_BYTES)], siblings };
}

function sharedFiles(): Uint8Array<ArrayBuffer>[] {
  if (!hasSharedData) return [];
  return ['models', 'vocab', 'gguf-odd'].flatMap((folder) => {
    const names = readdirSync(sharedData(folder)).filter((name) => name.endsWith('.gguf'));
    return names.map((name) => new Uint8Array(readFileSync(sharedData(`${folder}/${name}`))));
  });
}

/** Every type of value and of tensor. */
function oddFile(): Promise<Uint8Array<ArrayBuffer>> {
  const metadata: [string, MetadataInput][] = [
    ['general.architecture', 'llama'],
    ['general.alignment', uint32(64)],
    ...(['uint8', 'int8', 'uint16', 'int16', 'int32', 'uint64', 'int64'] as const).map(
      (type): [string, MetadataInput] => [type, { type, value: 1 }],
    ),
    ['float32', { type: 'float32', value: 0.5 }],
    ['float64', { type: 'float64', value: 0.5 }],
    ['bool', true],
    ['bools', { type: 'array<bool>', value: [true, false] }],
    ['strings', ['a', '', 'ñ']],
    ['numbers', BigUint64Array.of(1n, 2n ** 63n)],
    ['nested', { type: 'array<array>', value: [Int32Array.of(1), ['x'], [[false]]] }],
  ];
  const tensors = ggmlTypes.map((type, i) => ({ name: `${type.name}.weight`, type, dimensions: [256, 1 + (i % 3)] }));
  return encodeGguf(metadata, tensors);
}

/** Every key that config, RoPE, tokenizer and inspect ask for, and factors of RoPE. */
function keysFile(): Promise<Uint8Array<ArrayBuffer>> {
  const counts = {
    block_count: 1,
    context_length: 4096,
    embedding_length: 64,
    feed_forward_length: 64,
    vocab_size: 3,
    expert_count: 0,
    'attention.head_count': 4,
    'attention.key_length': 16,
    'attention.value_length': 16,
    'rope.dimension_count': 16,
    'rope.scaling.original_context_length': 512,
  };
  const reals = {
    'attention.layer_norm_rms_epsilon': 1e-5,
    'rope.freq_base': 10_000,
    'rope.scale_linear': 1,
    'rope.scaling.factor': 2,
    'rope.scaling.attn_factor': 1,
  };
  const metadata: [string, MetadataInput][] = [
    ['general.architecture', 'llama'],
    ['general.name', 'keys'],
    ['general.license', 'mit'],
    ...Object.entries(counts).map(([key, value]): [string, MetadataInput] => [`llama.${key}`, uint32(value)]),
    ...Object.entries(reals).map(([key, value]): [string, MetadataInput] => [`llama.${key}`, float32(value)]),
    ['llama.attention.head_count_kv', Uint32Array.of(2)],
    ['llama.rope.scaling.type', 'linear'],
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'llama-bpe'],
    ['tokenizer.ggml.tokens', ['a', 'b', 'ab']],
    ['tokenizer.ggml.merges', ['a b']],
    ['tokenizer.ggml.token_type', Int32Array.of(1, 1, 1)],
    ['tokenizer.ggml.eos_token_id', uint32(2)],
    ['tokenizer.chat_template', '{{ messages }}\n'.repeat(9)],
    ['tokenizer.chat_template.tool_use', '{{ tools }}'],
  ];
  const ropeFreqs = llama3RopeFreqs(
    { ropeDimensionCount: 16, ropeFreqBase: 10_000 },
    { factor: 8, originalContextLength: 8192, lowFreqFactor: 1, highFreqFactor: 4 },
  );
  const data = new Uint8Array(Float32Array.from(ropeFreqs).buffer);
  return encodeGguf(metadata, [{ name: 'rope_freqs.weight', type: ggmlType('F32'), dimensions: [8], data }]);
}

function splitFiles(): Promise<Uint8Array<ArrayBuffer>[]> {
  const tensor = (name: string) => ({ name, type: ggmlType('F32'), dimensions: [32, 2] });
  const groups = [[tensor('a.weight')], [tensor('b.weight'), tensor('c.weight')], [tensor('d.weight')]];
  const parts = fileParts([['general.architecture', 'llama']], groups);
  return Promise.all(parts.map(({ metadata, tensors }) => encodeGguf(metadata, tensors)));
}
