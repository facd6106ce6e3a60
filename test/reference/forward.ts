/**
 * A Llama's forward pass in float64 over the file's own weights: plain loops that share nothing with the engine but
 * config, RoPE's frequencies and the block types' decoding (which have tests of their own).
 *
 *   x = token_embd[token]
 *   per layer:  x += attn_output · attention(rope(attn_q · h), rope(attn_k · h), attn_v · h),  h = norm(x)
 *               x += ffn_down · (silu(ffn_gate · h) ⊙ (ffn_up · h)),                            h = norm(x)
 *   logits = output · norm(x)
 */
import { f16ToF32, f32ToF16, roundHalfToEven } from '../../kernels/quants/floats.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { type ActivationRounding, type Matrix, multiply, quantizeActivations } from './matrix.ts';
import type { LayerWeights, ReferenceModel } from './model.ts';

export interface ReferenceOptions {
  /** Int8 activations for Q8_0 matrices, as `--precision fast` has them. */
  readonly quantizedActivations?: boolean;
  /** How: by default with WGSL's `round` and a scale in f32. llama.cpp rounds halves away and stores the scale as f16. */
  readonly activationRounding?: Partial<ActivationRounding>;
  /** Keys and values rounded to f16, as `--precision fast` stores them. */
  readonly f16Kv?: boolean;
  /** Keys and values in int8 blocks of 32, as `--kv q8_0` stores them. */
  readonly q8Kv?: boolean;
}

const toF16 = (value: number) => f16ToF32(f32ToF16(value));

const wgslRounding: ActivationRounding = { round: roundHalfToEven, roundScale: (scale) => scale };

/** Tokens that go through a layer together, so that weights are read from the cache. */
const chunkLength = 64;

/** One sequence with its keys and values: tokens may come in any number of calls. */
export class ReferenceSequence {
  readonly #model: ReferenceModel;
  readonly #options: ReferenceOptions;
  /** Per layer and position, [headCountKv, keyLength] and [headCountKv, valueLength]. */
  readonly #keys: Float64Array[][];
  readonly #values: Float64Array[][];
  #position = 0;

  constructor(model: ReferenceModel, options: ReferenceOptions = {}) {
    this.#model = model;
    this.#options = options;
    this.#keys = model.layers.map(() => []);
    this.#values = model.layers.map(() => []);
  }

  /** The logits, [vocabLength] each, after those of `tokens` whose index `isWanted`. */
  forward(tokens: readonly number[], isWanted: (index: number) => boolean = () => true): Float64Array[] {
    const logits: Float64Array[] = [];
    for (let start = 0; start < tokens.length; start += chunkLength) {
      const chunk = tokens.slice(start, start + chunkLength);
      const x = this.#layers(chunk);
      for (let t = 0; t < chunk.length; t++) {
        if (isWanted(start + t)) logits.push(this.#logits(row(x, t, this.#model.config.embeddingLength)));
      }
    }
    return logits;
  }

  /** The residual stream after the last layer, [tokens.length, embeddingLength]. */
  #layers(tokens: readonly number[]): Float64Array {
    const { config, tokenEmbd, layers } = this.#model;
    const x = new Float64Array(tokens.length * config.embeddingLength);
    for (const [t, token] of tokens.entries()) {
      if (!(token >= 0 && token < tokenEmbd.rows)) throw new RangeError(`token ${token} is not in the vocabulary`);
      x.set(row(tokenEmbd.values, token, config.embeddingLength), t * config.embeddingLength);
    }
    for (const [l, layer] of layers.entries()) {
      addTo(x, this.#attention(layer, l, rmsNorm(x, layer.attnNorm, config)));
      addTo(x, this.#feedForward(layer, rmsNorm(x, layer.ffnNorm, config)));
    }
    this.#position += tokens.length;
    return x;
  }

  #attention(layer: LayerWeights, l: number, h: Float64Array): Float64Array {
    const { headCount, headCountKv, keyLength, valueLength, embeddingLength } = this.#model.config;
    const count = h.length / embeddingLength;
    const q = this.#linear(layer.attnQ, h, layer.attnQBias);
    const k = this.#linear(layer.attnK, h, layer.attnKBias);
    const v = this.#linear(layer.attnV, h, layer.attnVBias);
    for (let t = 0; t < count; t++) {
      this.#rope(row(q, t, headCount * keyLength), this.#position + t);
      this.#rope(row(k, t, headCountKv * keyLength), this.#position + t);
      this.#keys[l]!.push(this.#stored(row(k, t, headCountKv * keyLength)));
      this.#values[l]!.push(this.#stored(row(v, t, headCountKv * valueLength)));
    }
    const attended = new Float64Array(count * headCount * valueLength);
    for (let t = 0; t < count; t++) {
      const length = this.#position + t + 1;
      for (let head = 0; head < headCount; head++) {
        const query = row(row(q, t, headCount * keyLength), head, keyLength);
        const out = row(row(attended, t, headCount * valueLength), head, valueLength);
        this.#attend(query, l, Math.floor((head * headCountKv) / headCount), length, out);
      }
    }
    return this.#linear(layer.attnOutput, attended, layer.attnOutputBias);
  }

  /** One head's query over the first `length` positions: out = softmax(q · K / √keyLength) · V. */
  #attend(query: Float64Array, l: number, headKv: number, length: number, out: Float64Array): void {
    const [keys, values] = [this.#keys[l]!, this.#values[l]!];
    const [keyStart, valueStart] = [headKv * query.length, headKv * out.length];
    const scores = new Float64Array(length);
    let largest = -Infinity;
    for (let p = 0; p < length; p++) {
      const key = keys[p]!;
      let dot = 0;
      for (let i = 0; i < query.length; i++) dot += query[i]! * key[keyStart + i]!;
      scores[p] = dot / Math.sqrt(query.length);
      largest = Math.max(largest, scores[p]!);
    }
    let sum = 0;
    for (let p = 0; p < length; p++) sum += scores[p] = Math.exp(scores[p]! - largest);
    for (let p = 0; p < length; p++) {
      const weight = scores[p]! / sum;
      const value = values[p]!;
      for (let i = 0; i < out.length; i++) out[i]! += weight * value[valueStart + i]!;
    }
  }

  #feedForward(layer: LayerWeights, h: Float64Array): Float64Array {
    const gate = this.#linear(layer.ffnGate, h, layer.ffnGateBias);
    const up = this.#linear(layer.ffnUp, h, layer.ffnUpBias);
    const product = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
    return this.#linear(layer.ffnDown, product, layer.ffnDownBias);
  }

  #logits(x: Float64Array): Float64Array {
    const { config, outputNorm, output } = this.#model;
    return this.#linear(output, rmsNorm(x, outputNorm, config));
  }

  #linear(matrix: Matrix, x: Float64Array, bias?: Matrix): Float64Array {
    const { quantizedActivations, activationRounding } = this.#options;
    const isQuantized = quantizedActivations && matrix.typeName === 'Q8_0';
    const y = multiply(matrix, isQuantized ? quantizeActivations(x, { ...wgslRounding, ...activationRounding }) : x);
    if (bias) for (let i = 0; i < y.length; i++) y[i]! += bias.values[i % matrix.rows]!;
    return y;
  }

  /** Turns the pairs (2i, 2i + 1) of every head in place. */
  #rope(heads: Float64Array, position: number): void {
    const { config, ropeFrequencies } = this.#model;
    for (let start = 0; start < heads.length; start += config.keyLength) {
      for (let i = 0; i < ropeFrequencies.length; i++) {
        const [cos, sin] = [Math.cos(position * ropeFrequencies[i]!), Math.sin(position * ropeFrequencies[i]!)];
        const [a, b] = [heads[start + 2 * i]!, heads[start + 2 * i + 1]!];
        heads[start + 2 * i] = a * cos - b * sin;
        heads[start + 2 * i + 1] = a * sin + b * cos;
      }
    }
  }

  #stored(values: Float64Array): Float64Array {
    const { f16Kv, q8Kv } = this.#options;
    if (q8Kv) return quantizeActivations(values, { ...wgslRounding, roundScale: toF16 });
    return f16Kv ? values.map(toF16) : values;
  }
}

/** x / √(mean(x²) + eps) ⊙ weight, row by row. */
function rmsNorm(x: Float64Array, weight: Matrix, { layerNormRmsEpsilon }: ModelConfig): Float64Array {
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += weight.columns) {
    let sum = 0;
    for (let i = 0; i < weight.columns; i++) sum += x[start + i]! ** 2;
    const scale = 1 / Math.sqrt(sum / weight.columns + layerNormRmsEpsilon);
    for (let i = 0; i < weight.columns; i++) y[start + i] = x[start + i]! * scale * weight.values[i]!;
  }
  return y;
}

function addTo(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
}

function row(values: Float64Array, index: number, length: number): Float64Array {
  return values.subarray(index * length, (index + 1) * length);
}
