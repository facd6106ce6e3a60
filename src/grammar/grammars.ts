import { automatonOf } from './automaton.ts';
import { Constraint } from './constraint.ts';
import { Machine } from './machine.ts';
import { type GrammarOptions, grammarOf } from './options.ts';
import { MaskedVocabulary, type TokenBytes, TokenMasks } from './token_masks.ts';

/** Grammars whose states and masks are kept. */
const maxKept = 16;

/** The grammars of late, over one vocabulary. */
export class Grammars {
  readonly #tokens: TokenBytes;
  #vocabulary: MaskedVocabulary | undefined;
  readonly #kept = new Map<string, TokenMasks>();

  constructor(tokens: TokenBytes) {
    this.#tokens = tokens;
  }

  /** What holds a new text to the options' grammar; undefined where they name none. Throws `GrammarError`. */
  constraintOf(options: GrammarOptions): Constraint | undefined {
    const { grammar, regex, responseFormat } = options;
    const key = JSON.stringify([grammar, regex, responseFormat]);
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    const masks = kept && !kept.machine.isWorn ? kept : this.#masksOf(options);
    if (!masks) return undefined;
    this.#kept.set(key, masks);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    return new Constraint(masks);
  }

  #masksOf(options: GrammarOptions): TokenMasks | undefined {
    const grammar = grammarOf(options);
    if (!grammar) return undefined;
    const machine = new Machine(automatonOf(grammar));
    this.#vocabulary ??= new MaskedVocabulary(this.#tokens);
    return new TokenMasks(machine, this.#vocabulary);
  }
}
