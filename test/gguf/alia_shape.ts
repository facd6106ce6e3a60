/** ALIA-40b's header (model.md) with a made-up vocabulary: 434 tensors, 43 GB of data that are a hole. */
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import { float32, type MetadataInput, type TensorData, uint32, writeGguf } from '../../src/gguf/writer.ts';
import { createFile } from '../../src/runtime/node_file.ts';

export const ALIA_TOKEN_COUNT = 256_000;
/** model.md's sum and rope_freqs' 64 factors. */
export const ALIA_TENSOR_BYTES = 42_963_337_216 + 256;
export const ALIA_BYTES_PER_PASS = ALIA_TENSOR_BYTES - 2_228_224_000;

const LAYERS = 48;
const EMBEDDING_LENGTH = 8192;
const FEED_FORWARD_LENGTH = 24_576;
const KV_LENGTH = 1024;

export async function writeAliaShape(path: string): Promise<void> {
  const sink = await createFile(path);
  await writeGguf(sink, aliaMetadata(), aliaTensors());
  await sink.finish();
}

export function aliaMetadata(): [string, MetadataInput][] {
  const types = new Int32Array(ALIA_TOKEN_COUNT).fill(1);
  return [
    ['general.architecture', 'llama'],
    ['llama.block_count', uint32(LAYERS)],
    ['llama.context_length', uint32(163_840)],
    ['llama.embedding_length', uint32(EMBEDDING_LENGTH)],
    ['llama.feed_forward_length', uint32(FEED_FORWARD_LENGTH)],
    ['llama.attention.head_count', uint32(64)],
    ['llama.attention.head_count_kv', uint32(8)],
    ['llama.attention.layer_norm_rms_epsilon', float32(1e-5)],
    ['llama.rope.freq_base', float32(10_000)],
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', Array.from({ length: ALIA_TOKEN_COUNT }, (_, i) => madeUpPiece(i))],
    ['tokenizer.ggml.scores', Float32Array.from({ length: ALIA_TOKEN_COUNT }, (_, i) => -i)],
    ['tokenizer.ggml.token_type', types],
  ];
}

/** Unlike the others, 3 to 16 bytes long, one in three with a letter beyond ASCII. */
function madeUpPiece(i: number): string {
  return `▁${['n', 'ñ', 'ció'][i % 3]}${i.toString(36)}${'es'.repeat(i % 4)}`;
}

export function aliaTensors(): TensorData[] {
  const [q8, f32] = [ggmlType('Q8_0'), ggmlType('F32')];
  const matrix = (name: string, rowLength: number, rows: number) => ({ name, type: q8, dimensions: [rowLength, rows] });
  const vector = (name: string, length: number) => ({ name, type: f32, dimensions: [length] });
  const layer = (i: number) => [
    vector(`blk.${i}.attn_norm.weight`, EMBEDDING_LENGTH),
    matrix(`blk.${i}.attn_q.weight`, EMBEDDING_LENGTH, EMBEDDING_LENGTH),
    matrix(`blk.${i}.attn_k.weight`, EMBEDDING_LENGTH, KV_LENGTH),
    matrix(`blk.${i}.attn_v.weight`, EMBEDDING_LENGTH, KV_LENGTH),
    matrix(`blk.${i}.attn_output.weight`, EMBEDDING_LENGTH, EMBEDDING_LENGTH),
    vector(`blk.${i}.ffn_norm.weight`, EMBEDDING_LENGTH),
    matrix(`blk.${i}.ffn_gate.weight`, EMBEDDING_LENGTH, FEED_FORWARD_LENGTH),
    matrix(`blk.${i}.ffn_up.weight`, EMBEDDING_LENGTH, FEED_FORWARD_LENGTH),
    matrix(`blk.${i}.ffn_down.weight`, FEED_FORWARD_LENGTH, EMBEDDING_LENGTH),
  ];
  return [
    matrix('token_embd.weight', EMBEDDING_LENGTH, ALIA_TOKEN_COUNT),
    ...Array.from({ length: LAYERS }, (_, i) => layer(i)).flat(),
    vector('rope_freqs.weight', 64),
    vector('output_norm.weight', EMBEDDING_LENGTH),
    matrix('output.weight', EMBEDDING_LENGTH, ALIA_TOKEN_COUNT),
  ];
}
