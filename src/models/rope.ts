/**
 * RoPE's angles, computed on the host in float64: pair i of a head at position p turns by p · frequency[i], where
 *
 *   frequency[i] = freq_base^(−2i / dimensionCount) / rope_freqs[i] / linear factor
 *
 * and rope_freqs is the file's tensor, or what llama3 scaling computes where that was asked for instead.
 */
import { ConfigError, type Llama3Scaling, type ModelConfig } from './config.ts';

type UnscaledRope = Pick<ModelConfig, 'ropeDimensionCount' | 'ropeFreqBase'>;
type Rope = UnscaledRope & Pick<ModelConfig, 'ropeScaling'>;

/** Radians per position, [ropeDimensionCount / 2]. `ropeFreqs`: the file's rope_freqs.weight, of the same length. */
export function ropeFrequencies(config: Rope, ropeFreqs?: Float32Array): Float64Array {
  const { ropeScaling } = config;
  const frequencies = unscaledFrequencies(config);
  if (ropeScaling.type === 'linear') divideBy(frequencies, () => ropeScaling.factor);
  if (ropeScaling.type === 'llama3') {
    const factors = llama3RopeFreqs(config, ropeScaling);
    divideBy(frequencies, (i) => factors[i]!);
  } else if (ropeFreqs) {
    checkRopeFreqs(config, ropeFreqs);
    divideBy(frequencies, (i) => ropeFreqs[i]!);
  }
  return frequencies;
}

/** Writes cos and sin of `position`'s angles, [frequencies.length, 2], from `target[offset]` on. */
export function fillRope(frequencies: Float64Array, position: number, target: Float32Array, offset: number): void {
  for (let i = 0; i < frequencies.length; i++) {
    const angle = position * frequencies[i]!;
    target[offset + 2 * i] = Math.cos(angle);
    target[offset + 2 * i + 1] = Math.sin(angle);
  }
}

/**
 * The divisors of rope_freqs.weight, [ropeDimensionCount / 2], as Llama 3.1 defines them: waves that turn often within
 * the original context stay, those that hardly turn are slowed by `factor`, between the two it is interpolated.
 */
export function llama3RopeFreqs(config: UnscaledRope, scaling: Llama3Scaling): Float64Array {
  const { factor, originalContextLength, lowFreqFactor, highFreqFactor } = scaling;
  return unscaledFrequencies(config).map((frequency) => {
    const turns = (originalContextLength * frequency) / (2 * Math.PI);
    if (turns > highFreqFactor) return 1;
    if (turns < lowFreqFactor) return factor;
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/**
 * The scaling that a file's rope_freqs.weight was computed with, found by inverting the interpolation; undefined where
 * it is no llama3 scaling. `inspect` shows it, because converters have used 8192 for models trained with 4096.
 */
export function findLlama3Scaling(config: UnscaledRope, ropeFreqs: Float32Array): Llama3Scaling | undefined {
  checkRopeFreqs(config, ropeFreqs);
  const factor = ropeFreqs.at(-1)!;
  const between = ropeFreqs.findIndex((value) => value > 1 && value < factor);
  if (between < 0) return undefined;
  const [lowFreqFactor, highFreqFactor] = [1, 4];
  const smooth = (1 / ropeFreqs[between]! - 1 / factor) / (1 - 1 / factor);
  const turns = lowFreqFactor + smooth * (highFreqFactor - lowFreqFactor);
  const originalContextLength = Math.round((turns * 2 * Math.PI) / unscaledFrequencies(config)[between]!);
  const scaling = { factor, originalContextLength, lowFreqFactor, highFreqFactor };
  const matches = llama3RopeFreqs(config, scaling).every((value, i) => Math.abs(value / ropeFreqs[i]! - 1) < 1e-4);
  return matches ? scaling : undefined;
}

function unscaledFrequencies({ ropeDimensionCount, ropeFreqBase }: UnscaledRope): Float64Array {
  return Float64Array.from(
    { length: ropeDimensionCount / 2 },
    (_, i) => ropeFreqBase ** ((-2 * i) / ropeDimensionCount),
  );
}

function divideBy(frequencies: Float64Array, divisor: (i: number) => number): void {
  for (let i = 0; i < frequencies.length; i++) frequencies[i]! /= divisor(i);
}

function checkRopeFreqs({ ropeDimensionCount }: UnscaledRope, ropeFreqs: Float32Array): void {
  if (ropeFreqs.length !== ropeDimensionCount / 2) {
    throw new ConfigError(`rope_freqs.weight has ${ropeFreqs.length} values, not ${ropeDimensionCount / 2}`);
  }
  const bad = ropeFreqs.find((value) => !(value > 0 && Number.isFinite(value)));
  if (bad !== undefined) throw new ConfigError(`rope_freqs.weight holds ${bad}, not a positive number`);
}
