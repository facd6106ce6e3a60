import { allIds, type Candidates, maximum } from './candidates.ts';
import { Random } from './random.ts';
import { RecentTokens } from './recent_tokens.ts';
import { draw, logitBias, minP, penalties, temperature, topK, topP, typicalP } from './samplers.ts';
import { resolveSampling, type Sampling, type SamplingOptions } from './sampling_options.ts';

/** Chooses the tokens of one sequence, from logits on the CPU and in float64. */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #random: Random;
  readonly #recent: RecentTokens;
  readonly #ids: Uint32Array;

  /** Throws `RangeError` where an option is out of its range. */
  constructor(options: SamplingOptions, vocabLength: number) {
    this.#sampling = resolveSampling(options, vocabLength);
    this.#random = new Random(this.#sampling.seed);
    this.#recent = new RecentTokens(this.#sampling.repeatLastN);
    this.#ids = allIds(vocabLength);
  }

  /** Whether the choice is the highest logit as it comes, which needs no logits on the CPU. */
  get isArgmax(): boolean {
    const s = this.#sampling;
    const isPlain = s.repeatPenalty === 1 && s.frequencyPenalty === 0 && s.presencePenalty === 0;
    return s.temperature === 0 && s.typicalP >= 1 && s.logitBias.size === 0 && (isPlain || s.repeatLastN === 0);
  }

  /** A token of the prompt, or one that was chosen: the penalties look back on it. */
  accept(token: number): void {
    this.#recent.push(token);
  }

  /**
   * What may come next: a softmax over these logits is the distribution that is drawn from. The order is that of
   * llama.cpp's default chain (biases, penalties, top-k, typical, top-p, min-p, temperature), so that the filters see
   * probabilities at temperature 1, each those that the one before has left.
   */
  candidates(logits: Float32Array): Candidates {
    if (!Number.isFinite(maximum(logits))) throw new Error('the logits are no numbers: no token can be chosen');
    const s = this.#sampling;
    let left: Candidates = { ids: this.#ids, logits: new Float64Array(logits) };
    left = logitBias(left, s.logitBias);
    left = penalties(left, this.#recent.counts, s);
    left = topK(left, s.topK);
    left = typicalP(left, s.typicalP);
    left = topP(left, s.topP);
    left = minP(left, s.minP);
    return temperature(left, s.temperature);
  }

  /** The next token, from one row of logits, [vocabLength]. Throws where they hold NaN or infinity. */
  sample(logits: Float32Array): number {
    return draw(this.candidates(logits), this.#random.next());
  }
}
