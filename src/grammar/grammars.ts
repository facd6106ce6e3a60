import { automatonOf } from './automaton.ts';
import { Constraint } from './constraint.ts';
import { Machine } from './machine.ts';
import { type GrammarOptions, grammarOf } from './options.ts';
import { MaskedVocabulary, type TokenBytes, TokenMasks } from './token_masks.ts';
import { callMarkers } from './tool_calls.ts';

/** Grammars whose states and masks are kept. */
const maxKept = 16;

/** The grammars of late, over one vocabulary. */
export class Grammars {
  readonly #tokens: TokenBytes;
  #vocabulary: MaskedVocabulary | undefined;
  /** The same, where the markers of tool calls are part of a text. */
  #withMarkers: MaskedVocabulary | undefined;
  readonly #kept = new Map<string, TokenMasks>();

  constructor(tokens: TokenBytes) {
    this.#tokens = tokens;
  }

  /** What holds a new text of `maxTokens` to the options' grammar; undefined where they name none. Throws `GrammarError`. */
  constraintOf(options: GrammarOptions, maxTokens?: number): Constraint | undefined {
    const { grammar, regex, responseFormat, toolUse } = options;
    const key = JSON.stringify([grammar, regex, responseFormat, toolUse]);
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    const masks = kept && !kept.machine.isWorn ? kept : this.#masksOf(options);
    if (!masks) return undefined;
    this.#kept.set(key, masks);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    return new Constraint(masks, maxTokens);
  }

  #masksOf(options: GrammarOptions): TokenMasks | undefined {
    const grammar = grammarOf(options);
    if (!grammar) return undefined;
    const machine = new Machine(automatonOf(grammar));
    return new TokenMasks(machine, options.toolUse ? this.#markedVocabulary() : this.#plainVocabulary());
  }

  #plainVocabulary(): MaskedVocabulary {
    this.#vocabulary ??= new MaskedVocabulary(this.#tokens);
    return this.#vocabulary;
  }

  #markedVocabulary(): MaskedVocabulary {
    const { controlTokens } = this.#tokens;
    const isMarker = (token: number) => {
      const marker = new TextDecoder().decode(this.#tokens.tokenBytes(token));
      return (callMarkers as readonly string[]).includes(marker);
    };
    const others = new Set([...controlTokens].filter((token) => !isMarker(token)));
    if (others.size === controlTokens.size) return this.#plainVocabulary();
    const { vocabLength, stopTokens } = this.#tokens;
    const tokenBytes = (token: number) => this.#tokens.tokenBytes(token);
    this.#withMarkers ??= new MaskedVocabulary({ vocabLength, stopTokens, tokenBytes, controlTokens: others });
    return this.#withMarkers;
  }
}
