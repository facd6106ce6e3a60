import type { GenerateOptions, Token, TokenTexts } from './generate.ts';
import { logprobsOf } from './logprobs.ts';
import type { BatchToken, Model } from './model.ts';
import { Sampler } from './sampler.ts';
import { checkRange } from './sampling_options.ts';

/** Runs steps of one sequence and chooses the token after each: on the GPU where nobody needs the logits. */
export class Chooser {
  readonly #model: Model;
  readonly #texts: TokenTexts;
  readonly #sampler: Sampler;
  readonly #logprobs: number | undefined;

  /** Throws `RangeError` where an option is out of its range. */
  constructor(model: Model, prompt: readonly number[], texts: TokenTexts, options: GenerateOptions) {
    if (options.logprobs !== undefined) checkRange('logprobs', options.logprobs, { from: 0, whole: true });
    this.#model = model;
    this.#texts = texts;
    this.#sampler = new Sampler(options, model.config.vocabLength);
    this.#logprobs = options.logprobs;
    for (const token of prompt) this.#sampler.accept(token);
  }

  /** Runs one step and chooses the token after its last. Waits for the GPU. */
  async step(prefill: readonly BatchToken[], decode: readonly BatchToken[]): Promise<Omit<Token, 'text'>> {
    if (this.#sampler.isArgmax && this.#logprobs === undefined) {
      return { id: (await this.#model.readArgmax(prefill, decode))[0] as number };
    }
    const logits = await this.#model.readLogits(prefill, decode);
    const id = this.#sampler.sample(logits);
    this.#sampler.accept(id);
    return this.#logprobs === undefined ? { id } : { id, ...this.#logprobsOf(logits, id, this.#logprobs) };
  }

  #logprobsOf(logits: Float32Array, id: number, count: number): Pick<Token, 'logprob' | 'topLogprobs'> {
    const { logprob, best } = logprobsOf(logits, id, count);
    const textOf = (token: number) => this.#texts.decode([token], { special: true, continuation: true });
    return { logprob, topLogprobs: best.map((token) => ({ ...token, text: textOf(token.id) })) };
  }
}
