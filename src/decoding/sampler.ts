import { allRecent, type Mask, maxRecent, type RowSampling } from '../../kernels/parts/sampling.ts';
import type { Constraint } from '../grammar/index.ts';
import { allIds, type Candidates, maximum } from './candidates.ts';
import { RecentTokens } from './recent_tokens.ts';
import { allowed, draw, logitBias, minP, penalties, temperature, topK, topP, typicalP } from './samplers.ts';
import { resolveSampling, type Sampling, type SamplingOptions } from './sampling_options.ts';
import type { SequenceState } from './sampling_tables.ts';

/** Below this, but above 0, scores in f32 are too coarse for the noise: the host chooses. */
const lowestGpuTemperature = 0.01;

/**
 * Chooses the tokens of one sequence: here, from logits and in float64, or on the GPU, from what `row` and `state` say of
 * it. Both draw with the same noise, so that a seed gives the same tokens, but for the rounding of their sums.
 */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #recent: RecentTokens;
  readonly #vocabLength: number;
  readonly #constraint: Constraint | undefined;
  #ids: Uint32Array | undefined;
  #drawn = 0;

  /** `constraint`: what the tokens are held to. Throws `RangeError` where an option is out of its range. */
  constructor(options: SamplingOptions, vocabLength: number, constraint?: Constraint) {
    this.#constraint = constraint;
    this.#sampling = resolveSampling(options, vocabLength);
    this.#recent = new RecentTokens(this.#penalizes ? this.#sampling.repeatLastN : 0);
    this.#vocabLength = vocabLength;
  }

  get #penalizes(): boolean {
    const { repeatPenalty, frequencyPenalty, presencePenalty, repeatLastN } = this.#sampling;
    return (repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0) && repeatLastN !== 0;
  }

  /** Whether the GPU can choose. */
  get runsOnGpu(): boolean {
    const { temperature, repeatLastN } = this.#sampling;
    return (temperature === 0 || temperature >= lowestGpuTemperature) && (!this.#penalizes || repeatLastN <= maxRecent);
  }

  /** Whether a row's token can be chosen behind tokens that may yet be rejected: the GPU counts what it has chosen. */
  get canVerify(): boolean {
    return !this.isConstrained && (!this.#penalizes || !this.runsOnGpu);
  }

  /** Whether what may come next depends on every token before it. */
  get isConstrained(): boolean {
    return this.#constraint !== undefined;
  }

  /** What may come next. */
  get mask(): Mask | undefined {
    return this.#constraint?.mask;
  }

  /** Whether the text is whole, so that nothing can follow. */
  get isOver(): boolean {
    return this.#constraint?.isOver ?? false;
  }

  /** A token of the prompt: the penalties look back on it. */
  accept(token: number): void {
    this.#recent.push(token);
  }

  /** The same for a token that was chosen. Throws `GrammarError` where nothing can follow it. */
  advance(token: number): void {
    this.accept(token);
    this.#constraint?.advance(token);
  }

  /** What the GPU must know before the next token that it draws. */
  get state(): SequenceState {
    return { biases: this.#sampling.logitBias, counts: this.#recent.counts, recent: this.#recent.tokens };
  }

  /** Whether the GPU must know anything. */
  get hasState(): boolean {
    return this.#penalizes || this.#sampling.logitBias.size > 0;
  }

  /**
   * How the GPU draws token `counter` of the sequence, counted from the first that is generated; `state` was given to it
   * before token `stateCounter`, with `stateLength` recent tokens.
   */
  row(sequence: number, counter: number, stateCounter: number, stateLength: number): RowSampling {
    const { logitBias, repeatLastN, ...sampling } = this.#sampling;
    const { temperature, topK, typicalP, topP, minP } = sampling;
    // the most likely token passes top-k, top-p and min-p
    const filters = typicalP < 1 || (temperature > 0 && (topK > 0 || topP < 1 || minP > 0));
    return {
      ...sampling,
      sequence,
      counter,
      recentLength: this.#penalizes ? (repeatLastN < 0 ? allRecent : repeatLastN) : 0,
      recentPlace: stateLength + counter - stateCounter,
      adjusts: this.hasState,
      filters,
      mask: this.mask,
      feeds: true,
    };
  }

  /**
   * What may come next: a softmax over these logits is the distribution that is drawn from. The order is that of
   * llama.cpp's default chain (behind the grammar: biases, penalties, top-k, typical, top-p, min-p, temperature), so that the filters see
   * probabilities at temperature 1, each those that the one before has left.
   */
  candidates(logits: Float32Array): Candidates {
    if (!Number.isFinite(maximum(logits))) throw new BrokenLogitsError();
    const s = this.#sampling;
    this.#ids ??= allIds(this.#vocabLength);
    let left: Candidates = allowed({ ids: this.#ids, logits: new Float64Array(logits) }, this.mask);
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
    return this.draw(logits, this.#drawn++);
  }

  /** The token that these logits give in place `counter`, counted from the first that is generated. */
  draw(logits: Float32Array, counter: number): number {
    return draw(this.candidates(logits), this.#sampling.seed, counter);
  }
}

/** The model's numbers have gone wrong: a broken file, or a broken driver. */
export class BrokenLogitsError extends Error {
  override name = 'BrokenLogitsError';

  constructor() {
    super('the logits are no numbers: no token can be chosen; `webgguf doctor` checks this device');
  }
}
