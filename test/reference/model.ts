/** A Llama's weights under GGUF's names, dequantised to float64. */
import type { Gguf } from '../../src/gguf/gguf.ts';
import { type ConfigOverrides, type ModelConfig, modelConfig } from '../../src/models/config.ts';
import { ropeFrequencies } from '../../src/models/rope.ts';
import { type Matrix, readMatrix } from './matrix.ts';

export interface ReferenceModel {
  readonly config: ModelConfig;
  readonly tokenEmbd: Matrix;
  readonly layers: readonly LayerWeights[];
  readonly outputNorm: Matrix;
  /** token_embd again where the file has no output.weight. */
  readonly output: Matrix;
  /** Radians per position, [ropeDimensionCount / 2]. */
  readonly ropeFrequencies: Float64Array;
}

export type LayerWeights = Awaited<ReturnType<typeof readLayer>>;

/** Rejects where a tensor is missing or of another shape, naming it, or of a type that the host cannot decode. */
export async function readReferenceModel(gguf: Gguf, overrides?: ConfigOverrides): Promise<ReferenceModel> {
  const config = modelConfig(gguf, overrides);
  const { embeddingLength, vocabLength, blockCount } = config;
  const tokenEmbd = await readNeeded(gguf, 'token_embd.weight', embeddingLength, vocabLength);
  const layers: LayerWeights[] = [];
  for (let i = 0; i < blockCount; i++) layers.push(await readLayer(gguf, `blk.${i}.`, config));
  const ropeFreqs = await readMatrix(gguf, 'rope_freqs.weight', config.ropeDimensionCount / 2);
  return {
    config,
    tokenEmbd,
    layers,
    outputNorm: await readNeeded(gguf, 'output_norm.weight', embeddingLength),
    output: (await readMatrix(gguf, 'output.weight', embeddingLength, vocabLength)) ?? tokenEmbd,
    ropeFrequencies: ropeFrequencies(config, ropeFreqs && Float32Array.from(ropeFreqs.values)),
  };
}

async function readLayer(gguf: Gguf, prefix: string, config: ModelConfig) {
  const { embeddingLength, feedForwardLength, headCount, headCountKv, keyLength, valueLength } = config;
  const [qLength, kLength] = [headCount * keyLength, headCountKv * keyLength];
  const [vLength, outLength] = [headCountKv * valueLength, headCount * valueLength];
  const weight = (name: string, columns: number, rows?: number) =>
    readNeeded(gguf, `${prefix}${name}.weight`, columns, rows);
  const bias = (name: string, length: number) => readMatrix(gguf, `${prefix}${name}.bias`, length);
  return {
    attnNorm: await weight('attn_norm', embeddingLength),
    attnQ: await weight('attn_q', embeddingLength, qLength),
    attnQBias: await bias('attn_q', qLength),
    attnK: await weight('attn_k', embeddingLength, kLength),
    attnKBias: await bias('attn_k', kLength),
    attnV: await weight('attn_v', embeddingLength, vLength),
    attnVBias: await bias('attn_v', vLength),
    attnOutput: await weight('attn_output', outLength, embeddingLength),
    attnOutputBias: await bias('attn_output', embeddingLength),
    ffnNorm: await weight('ffn_norm', embeddingLength),
    ffnGate: await weight('ffn_gate', embeddingLength, feedForwardLength),
    ffnGateBias: await bias('ffn_gate', feedForwardLength),
    ffnUp: await weight('ffn_up', embeddingLength, feedForwardLength),
    ffnUpBias: await bias('ffn_up', feedForwardLength),
    ffnDown: await weight('ffn_down', feedForwardLength, embeddingLength),
    ffnDownBias: await bias('ffn_down', embeddingLength),
  };
}

async function readNeeded(gguf: Gguf, name: string, columns: number, rows?: number): Promise<Matrix> {
  const matrix = await readMatrix(gguf, name, columns, rows);
  if (!matrix) throw new Error(`tensor ${name} is missing`);
  return matrix;
}
