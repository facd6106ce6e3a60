/** What a caller can say of how tokens are chosen, its defaults and its ranges. */

/** How the next token is chosen. Nothing but the temperature has an effect by default. */
export interface SamplingOptions {
  /** 0 takes the most likely token; otherwise logits are divided by it. Default 0.1, as the reference model's card says. */
  temperature?: number;
  /** So many of the most likely tokens remain. Default 0: all. */
  topK?: number;
  /** The fewest most likely tokens remain whose probabilities add up to this; 0 to 1. Default 1: all. */
  topP?: number;
  /** Tokens remain that are at least so likely as this part of the most likely one; 0 to 1. Default 0: all. */
  minP?: number;
  /**
   * The fewest tokens remain, those nearest to the expected surprise first, whose probabilities add up to this; 0 to 1.
   * The most likely token may not be among them. Default 1: all.
   */
  typicalP?: number;
  /** Logits of recent tokens are divided by this, negative ones multiplied. Above 0; default 1: as they are. */
  repeatPenalty?: number;
  /** Tokens, prompt and answer together, that the three penalties look back on. 0: none, -1: all. Default 64. */
  repeatLastN?: number;
  /** Taken from a recent token's logit, once for each time it stands there; -2 to 2. Default 0. */
  frequencyPenalty?: number;
  /** Taken from the logit of every recent token; -2 to 2. Default 0. */
  presencePenalty?: number;
  /** Added to logits, by token id; -100 to 100, where -100 rules a token out and 100 leaves no other. Default none. */
  logitBias?: ReadonlyMap<number, number> | Readonly<Record<number, number>>;
  /** The same seed draws the same tokens, on the same adapter and in the same precision. Default: a random one. */
  seed?: number;
}

/** Options that are numbers, and what each may be. */
export interface NumberRange {
  readonly from: number;
  readonly to?: number;
  readonly whole?: true;
  /** `from` itself is not allowed. */
  readonly above?: true;
}

export const samplingRanges = {
  temperature: { from: 0 },
  topK: { from: 0, whole: true },
  topP: { from: 0, to: 1 },
  minP: { from: 0, to: 1 },
  typicalP: { from: 0, to: 1 },
  repeatPenalty: { from: 0, above: true },
  repeatLastN: { from: -1, whole: true },
  frequencyPenalty: { from: -2, to: 2 },
  presencePenalty: { from: -2, to: 2 },
  seed: { from: 0, to: 2 ** 32 - 1, whole: true },
} satisfies Record<Exclude<keyof SamplingOptions, 'logitBias'>, NumberRange>;

export const logitBiasRange: NumberRange = { from: -100, to: 100 };

export interface Sampling extends Required<Omit<SamplingOptions, 'logitBias'>> {
  readonly logitBias: ReadonlyMap<number, number>;
}

/** Options with their defaults. Throws `RangeError` where one is out of its range, or a bias out of the vocabulary. */
export function resolveSampling({ logitBias, ...numbers }: SamplingOptions, vocabLength: number): Sampling {
  const resolved = {
    temperature: 0.1,
    topK: 0,
    topP: 1,
    minP: 0,
    typicalP: 1,
    repeatPenalty: 1,
    repeatLastN: 64,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: Math.floor(Math.random() * 2 ** 32),
    ...definedOnly(numbers),
  };
  for (const [name, range] of Object.entries(samplingRanges)) {
    checkRange(name, resolved[name as keyof typeof samplingRanges], range);
  }
  const pairs = logitBias instanceof Map ? [...logitBias] : Object.entries(logitBias ?? {});
  const biases = new Map(pairs.map(([id, bias]) => [Number(id), bias]));
  for (const [id, bias] of biases) {
    checkRange('logitBias’s token', id, { from: 0, to: vocabLength - 1, whole: true });
    checkRange(`logitBias of token ${id}`, bias, logitBiasRange);
  }
  return { ...resolved, logitBias: biases };
}

/** Throws `RangeError`: `topP takes a number from 0 to 1, not 2`. */
export function checkRange(name: string, value: number, range: NumberRange): void {
  if (!isInRange(value, range)) throw new RangeError(`${name} takes ${rangeText(range)}, not ${value}`);
}

export function isInRange(value: number, { from, to = Number.MAX_VALUE, whole, above }: NumberRange): boolean {
  const atLeast = above ? value > from : value >= from;
  return atLeast && value <= to && (!whole || Number.isSafeInteger(value));
}

/** `a whole number from 0 to 9`. */
export function rangeText({ from, to, whole, above }: NumberRange): string {
  const kind = whole ? 'a whole number' : 'a number';
  if (above) return `${kind} above ${from}`;
  return to === undefined ? `${kind} from ${from} on` : `${kind} from ${from} to ${to}`;
}

/** Callers in JavaScript say `undefined` and mean nothing by it. */
function definedOnly<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
