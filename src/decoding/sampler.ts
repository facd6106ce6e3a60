/** How the next token is chosen. Defaults are the reference model's card: temperature 0.1, no penalties. */
export interface SamplingOptions {
  /** 0 is greedy; otherwise logits are divided by it. Default 0.1. */
  temperature?: number;
  /** The same seed draws the same tokens, on the same adapter and in the same precision. Default: a random one. */
  seed?: number;
}

export const defaultTemperature = 0.1;

/** Draws from softmax(logits / temperature). */
export class Sampler {
  readonly temperature: number;
  #state: number;

  constructor({ temperature = defaultTemperature, seed = Math.floor(Math.random() * 2 ** 32) }: SamplingOptions) {
    if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`temperature must be 0 or more, not ${temperature}`);
    }
    this.temperature = temperature;
    this.#state = seed >>> 0;
  }

  /** An index of `logits`; needs a temperature above 0. */
  sample(logits: Float32Array): number {
    let highest = Number.NEGATIVE_INFINITY;
    for (const logit of logits) highest = Math.max(highest, logit);
    const weight = (logit: number) => Math.exp((logit - highest) / this.temperature);
    let sum = 0;
    for (const logit of logits) sum += weight(logit);
    let left = this.#next() * sum;
    for (let id = 0; id < logits.length; id++) {
      left -= weight(logits[id] as number);
      if (left < 0) return id;
    }
    return logits.indexOf(highest); // rounding left a crumb
  }

  /** Uniform in [0, 1): splitmix32. */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  }
}
