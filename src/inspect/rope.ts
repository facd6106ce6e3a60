/** Which RoPE a file asks for, and which scaling the factors of its rope_freqs.weight were computed with. */
import { dequantize, hostTypeNames } from '../../kernels/quants/dequantize.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import { readBytes } from '../gguf/source.ts';
import { ConfigError, type Llama3Scaling, type ModelConfig, modelConfig, type RopeScaling } from '../models/config.ts';
import { findLlama3Scaling } from '../models/rope.ts';

export interface RopeSummary {
  readonly freqBase: number;
  readonly scaling: RopeScaling;
  /** Absent where the file has no rope_freqs.weight. */
  readonly factors?: RopeFactors;
}

export interface RopeFactors {
  readonly count: number;
  readonly smallest: number;
  readonly largest: number;
  /** What gives these factors; absent where nothing known does. */
  readonly llama3?: Llama3Scaling;
}

/** Of rope_freqs.weight, which is read whole: 64 floats in most models. */
const MAX_FACTOR_BYTES = 16_384;

/** Converters take this original context where a model's configuration names none at its top level. */
const CONVERTERS_DEFAULT_CONTEXT = 8192;

/** Reads rope_freqs.weight where there is one. Throws what `modelConfig` does. */
export async function summarizeRope(gguf: Gguf): Promise<RopeSummary> {
  const config = modelConfig(gguf);
  const tensor = gguf.tensors.get('rope_freqs.weight');
  return {
    freqBase: config.ropeFreqBase,
    scaling: config.ropeScaling,
    ...(tensor && { factors: await readFactors(tensor, config) }),
  };
}

async function readFactors(tensor: TensorInfo, config: ModelConfig): Promise<RopeFactors> {
  const { type, source, offset, byteLength } = tensor;
  if (byteLength > MAX_FACTOR_BYTES || !hostTypeNames.includes(type.name)) {
    throw new ConfigError(`rope_freqs.weight is no row of factors: ${byteLength} bytes of ${type.name}`);
  }
  const values = dequantize(type.name, await readBytes(source, offset, byteLength));
  const llama3 = findLlama3Scaling(config, values);
  const [smallest, largest] = [Math.min(...values), Math.max(...values)];
  return { count: values.length, smallest, largest, ...(llama3 && { llama3 }) };
}

/** A line, and where the factors may be a converter's mistake another that says what overrides them. */
export function describeRope({ freqBase, scaling, factors }: RopeSummary): string[] {
  const parts = [`base ${freqBase}`, describeScaling(scaling), factors && describeFactors(factors)];
  const lines = [parts.filter((part) => part).join('; ')];
  const { originalContextLength, factor } = factors?.llama3 ?? {};
  if (originalContextLength === CONVERTERS_DEFAULT_CONTEXT) {
    lines.push(
      `${CONVERTERS_DEFAULT_CONTEXT} is also what converters take where they find none: if the model was trained with 4096,`,
      `--rope-scaling llama3 --rope-orig-context 4096 --rope-factor ${shortest(factor!)} computes the factors anew`,
    );
  }
  return lines;
}

function describeScaling(scaling: RopeScaling): string {
  if (scaling.type === 'none') return '';
  return `${scaling.type} scaling by ${shortest(scaling.factor)}`;
}

function describeFactors({ count, smallest, largest, llama3 }: RopeFactors): string {
  if (!llama3) return `rope_freqs.weight: ${count} factors from ${shortest(smallest)} to ${shortest(largest)}`;
  const { factor, originalContextLength } = llama3;
  return `rope_freqs.weight: llama3 scaling by ${shortest(factor)} from ${originalContextLength} tokens`;
}

/** An f32 as it was meant. */
function shortest(value: number): string {
  return String(Number(value.toPrecision(7)));
}
