/**
 * Llama: pre-norm blocks of grouped-head attention with RoPE and a SwiGLU feed-forward, and an output matrix that may
 * be the embeddings again. Weights carry GGUF's names.
 */
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import type { Weights } from '../weights/load.ts';
import {
  blockTypeOf,
  concatenated,
  interleaved,
  type MatrixSpec,
  rowLengthOf,
  rowsOf,
  WeightsError,
} from '../weights/matrix.ts';
import type { Architecture, ModelTensors } from './architecture.ts';
import type { ModelConfig } from './config.ts';
import type { Graph, KvLayers } from './graph.ts';

const biases = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'] as const;

export const llama: Architecture = { name: 'llama', tensors, forward };

/** What to load of the file, with every shape checked against the config. */
function tensors(gguf: Gguf, config: ModelConfig): ModelTensors {
  const { blockCount, embeddingLength, feedForwardLength, headCount, headCountKv, keyLength, vocabLength } = config;
  const find = (name: string, rowLength: number, rows = 1) => checked(gguf, name, rowLength, rows);
  const whole = (name: string, rowLength: number, rows: number) => concatenated(name, [find(name, rowLength, rows)]);

  const embeddings = whole('token_embd.weight', embeddingLength, vocabLength);
  const output = gguf.tensors.has('output.weight') ? whole('output.weight', embeddingLength, vocabLength) : undefined;
  const matrices: MatrixSpec[] = [];
  const vectors = [find('output_norm.weight', embeddingLength)];
  for (let i = 0; i < blockCount; i++) {
    const blk = `blk.${i}`;
    const [qLength, kvLength] = [headCount * keyLength, headCountKv * keyLength];
    const q = find(`${blk}.attn_q.weight`, embeddingLength, qLength);
    const k = find(`${blk}.attn_k.weight`, embeddingLength, kvLength);
    const v = find(`${blk}.attn_v.weight`, embeddingLength, kvLength);
    const gate = find(`${blk}.ffn_gate.weight`, embeddingLength, feedForwardLength);
    const up = find(`${blk}.ffn_up.weight`, embeddingLength, feedForwardLength);
    matrices.push(
      concatenated(`${blk}.attn_qkv`, [q, k, v]),
      whole(`${blk}.attn_output.weight`, qLength, embeddingLength),
      ...(interleaves(gguf, blk)
        ? [interleaved(`${blk}.ffn_gate_up`, [gate, up])]
        : [concatenated(gate.name, [gate]), concatenated(up.name, [up])]),
      whole(`${blk}.ffn_down.weight`, feedForwardLength, embeddingLength),
    );
    vectors.push(find(`${blk}.attn_norm.weight`, embeddingLength), find(`${blk}.ffn_norm.weight`, embeddingLength));
    const lengths = [
      qLength,
      kvLength,
      kvLength,
      embeddingLength,
      feedForwardLength,
      feedForwardLength,
      embeddingLength,
    ];
    biases.forEach((name, b) => {
      const bias = `${blk}.${name}.bias`;
      if (gguf.tensors.has(bias)) vectors.push(find(bias, lengths[b] as number));
    });
  }
  return { embeddings, output, matrices, vectors };
}

/** Gate and up become one matrix where they are of one type and nothing is added between them and SwiGLU. */
function interleaves({ tensors }: Gguf, blk: string): boolean {
  const sameType = tensors.get(`${blk}.ffn_gate.weight`)?.type === tensors.get(`${blk}.ffn_up.weight`)?.type;
  return sameType && !tensors.has(`${blk}.ffn_gate.bias`) && !tensors.has(`${blk}.ffn_up.bias`);
}

function checked(gguf: Gguf, name: string, rowLength: number, rows: number): TensorInfo {
  const tensor = gguf.tensors.get(name);
  if (!tensor) throw new WeightsError(`tensor ${name} is missing`);
  if (rowLengthOf(tensor) !== rowLength || rowsOf(tensor) !== rows) {
    const shape = tensor.dimensions.join(' × ');
    throw new WeightsError(`tensor ${name} is ${shape}; the metadata says ${rowLength} × ${rows}`);
  }
  blockTypeOf(tensor);
  return tensor;
}

/**
 * One step, from embeddings (gathered before on the host, where the matrix is not on the GPU) to the last hidden state of
 * the tokens of which anything is wanted, and to what the output matrix makes of them.
 */
function forward(g: Graph, config: ModelConfig, weights: Weights, kv: KvLayers) {
  const { embeddingLength, feedForwardLength, headCount, headCountKv, keyLength } = config;
  const qLength = headCount * keyLength;
  const kvLength = headCountKv * keyLength;

  const x = g.activation('x', embeddingLength); // [tokens, embeddingLength]
  const embeddings = weights.find('token_embd.weight');
  if (embeddings?.tiles.every(({ resident }) => resident)) g.getRows(embeddings, x);

  for (let i = 0; i < config.blockCount; i++) {
    const matrix = (name: string) => weights.matrix(`blk.${i}.${name}`);
    const norm = (name: string) => weights.vector(`blk.${i}.${name}.weight`);
    const bias = (name: string) => weights.findVector(`blk.${i}.${name}.bias`);

    const qkv = g.activation('qkv', qLength + 2 * kvLength); // [tokens, q, k, v]
    g.mulMat(matrix('attn_qkv'), g.rmsNorm(x, norm('attn_norm')), qkv);
    g.addBias(qkv, bias('attn_q'), qLength);
    g.addBias(qkv, bias('attn_k'), kvLength, qLength);
    g.addBias(qkv, bias('attn_v'), kvLength, qLength + kvLength);
    const q = g.rope(qkv);
    g.kvWrite(qkv, kv, i);
    g.mulMat(matrix('attn_output.weight'), g.flashAttn(q, kv, i), x, 'add');
    g.addBias(x, bias('attn_output'), embeddingLength);

    const normed = g.rmsNorm(x, norm('ffn_norm'));
    const h = g.activation('h', feedForwardLength); // [tokens, feedForwardLength]
    const gateUp = weights.find(`blk.${i}.ffn_gate_up`);
    if (gateUp) {
      g.mulMat(gateUp, normed, h, 'swiglu');
    } else {
      const gate = g.mulMat(matrix('ffn_gate.weight'), normed, g.activation('gate', feedForwardLength));
      const up = g.mulMat(matrix('ffn_up.weight'), normed, g.activation('up', feedForwardLength));
      g.addBias(gate, bias('ffn_gate'), feedForwardLength);
      g.addBias(up, bias('ffn_up'), feedForwardLength);
      g.swiglu(gate, up, h);
    }
    g.mulMat(matrix('ffn_down.weight'), h, x, 'add');
    g.addBias(x, bias('ffn_down'), embeddingLength);
  }

  const hidden = g.rmsNorm(g.wantedRows(x), weights.vector('output_norm.weight')); // [rows, embeddingLength]
  const output = weights.find('output.weight') ?? weights.matrix('token_embd.weight');
  return { x, hidden, ...g.output(output, hidden) };
}
