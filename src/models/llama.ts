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
  type Matrix,
  type MatrixSpec,
  rowLengthOf,
  rowsOf,
  WeightsError,
} from '../weights/matrix.ts';
import type { Architecture, ModelTensors } from './architecture.ts';
import type { ModelConfig } from './config.ts';
import type { Graph, KvLayers } from './graph.ts';
import type { Input } from './input.ts';

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
  const { blockCount, embeddingLength, feedForwardLength } = config;
  const embeddings = weights.find('token_embd.weight');
  const output = weights.find('output.weight') ?? weights.matrix('token_embd.weight');
  const layers = Array.from({ length: blockCount }, (_, i) => layer(weights, i));
  const outputNorm = { weight: weights.vector('output_norm.weight'), readers: [output] };

  const x = g.activation('x', embeddingLength); // [tokens, embeddingLength]
  const isOnGpu = embeddings?.tiles.every(({ resident }) => resident);
  let handed = g.embed(isOnGpu ? embeddings : undefined, x, layers[0]?.attnNorm ?? outputNorm);

  layers.forEach(({ attnNorm, qkv, attnOutput, ffnNorm, gateUp, gate, up, ffnDown, bias }, i) => {
    const biases = { q: bias('attn_q'), k: bias('attn_k'), v: bias('attn_v') };
    const q = g.qkv(qkv, g.normed(x, attnNorm, handed), biases, kv, i); // [tokens, queries]
    const attn = g.flashAttn(q, kv, i, [attnOutput]);
    handed = g.addTo(x, attnOutput, attn, bias('attn_output'), ffnNorm);

    const normed = g.normed(x, ffnNorm, handed);
    const h = gateUp // [tokens, feedForwardLength]
      ? g.swigluOf(gateUp, normed, feedForwardLength, [ffnDown])
      : g.swiglu(project('gate', gate, normed), project('up', up, normed), [ffnDown]);
    handed = g.addTo(x, ffnDown, h, bias('ffn_down'), layers[i + 1]?.attnNorm ?? outputNorm);

    function project(name: 'gate' | 'up', matrix: Matrix | undefined, input: Input) {
      const dst = g.mulMat(matrix as Matrix, input, g.activation(name, feedForwardLength));
      g.addBias(dst, bias(`ffn_${name}`), feedForwardLength);
      return dst;
    }
  });

  const hidden = g.hidden(x, outputNorm, handed); // [rows, embeddingLength]
  return { x, hidden: hidden.rows, ...g.output(output, hidden) };
}

/** A layer's weights, and what reads each norm. Gate and up are one matrix, or two. */
function layer(weights: Weights, i: number) {
  const matrix = (name: string) => weights.matrix(`blk.${i}.${name}`);
  const norm = (name: string) => weights.vector(`blk.${i}.${name}.weight`);
  const qkv = matrix('attn_qkv');
  const gateUp = weights.find(`blk.${i}.ffn_gate_up`);
  const [gate, up] = gateUp ? [] : [matrix('ffn_gate.weight'), matrix('ffn_up.weight')];
  const ffnReaders = [gateUp, gate, up].filter((each) => each !== undefined);
  return {
    attnNorm: { weight: norm('attn_norm'), readers: [qkv] },
    qkv,
    attnOutput: matrix('attn_output.weight'),
    ffnNorm: { weight: norm('ffn_norm'), readers: ffnReaders },
    gateUp,
    gate,
    up,
    ffnDown: matrix('ffn_down.weight'),
    bias: (name: (typeof biases)[number]) => weights.findVector(`blk.${i}.${name}.bias`),
  };
}
