import { pendingId } from '../../kernels/parts/range.ts';
import type { Generation } from './generation.ts';
import type { BatchToken } from './model.ts';

export interface ComposeLimits {
  /** Tokens of a step by phase, and rows of logits, at most. */
  readonly maxPrefill: number;
  readonly maxDecode: number;
  readonly maxLogits: number;
  /** Tokens that a generation may be ahead of its consumer. */
  readonly maxAhead: number;
  readonly contextLength: number;
}

/** A step, and whose each row of its results is. */
export interface ComposedStep {
  readonly prefill: readonly BatchToken[];
  readonly decode: readonly BatchToken[];
  /** Rows of the prefill phase, then those of the decode phase; a generation with drafts has several. */
  readonly rows: readonly Generation[];
  /** Who takes part: its sampler's state is to be written first where it is new. */
  readonly parts: readonly Part[];
}

export interface Part {
  readonly generation: Generation;
  /** What was computed before. */
  readonly computed: number;
  /** Whether any of the step's rows is its own. */
  readonly chooses: boolean;
  readonly writesState: boolean;
}

/** Tokens that may come next, of generations whose tokens so far are all known. */
export type Drafts = ReadonlyMap<Generation, readonly number[]>;

const noDrafts: Drafts = new Map();

/**
 * Takes up whoever can go on, the first ones first, and notes in each what it has now submitted. Where a generation has
 * drafts, which the decode phase must have room for, the step chooses behind each of them as if all before it were right.
 */
export function composeStep(
  generations: Iterable<Generation>,
  limits: ComposeLimits,
  drafts: Drafts = noDrafts,
): ComposedStep | undefined {
  const phases = { prefill: new Phase(limits.maxPrefill), decode: new Phase(limits.maxDecode) };
  const parts: Part[] = [];
  for (const generation of generations) {
    if (!mayChoose(generation, limits)) continue;
    const length = generation.tokens.length + generation.pending;
    if (length > limits.contextLength) {
      generation.fill();
      continue;
    }
    const isPrompt = generation.computed < generation.promptLength;
    const phase = isPrompt ? phases.prefill : phases.decode;
    const end = Math.min(isPrompt ? generation.promptLength : length, generation.computed + phase.room);
    const rows = phases.prefill.rows.length + phases.decode.rows.length;
    if (end === generation.computed || rows === limits.maxLogits) continue;
    const chooses = end === length;
    parts.push({
      generation,
      computed: generation.computed,
      chooses,
      writesState: chooses && generation.rememberState(),
    });
    phase.add(generation, end, (chooses && drafts.get(generation)) || []);
  }
  if (parts.length === 0) return undefined;
  const { prefill, decode } = phases;
  return { prefill: prefill.tokens, decode: decode.tokens, rows: [...prefill.rows, ...decode.rows], parts };
}

function mayChoose(generation: Generation, { maxAhead }: ComposeLimits): boolean {
  if (!generation.canGoOn || generation.isWaiting || generation.chosenCount >= generation.maxTokens) return false;
  return generation.ahead < (generation.choosesHere ? 1 : maxAhead);
}

class Phase {
  readonly tokens: BatchToken[] = [];
  readonly rows: Generation[] = [];
  readonly #maxTokens: number;

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  get room(): number {
    return this.#maxTokens - this.tokens.length;
  }

  /** Positions up to `end` of a generation, and drafts behind them; its last one and each draft choose a token. */
  add(generation: Generation, end: number, drafts: readonly number[]): void {
    const { sequence, tokens, computed } = generation;
    const last = tokens.length + generation.pending - 1;
    const known = tokens.slice(computed, end);
    const ids = [...known, ...Array(end - computed - known.length).fill(pendingId), ...drafts];
    ids.forEach((id, i) => {
      const position = computed + i;
      const wantsLogits = position >= last;
      const sampling = wantsLogits ? generation.sampling(position - last, drafts.length) : undefined;
      this.tokens.push({ id, position, sequence, wantsLogits, sampling });
      if (wantsLogits) this.rows.push(generation);
    });
    generation.submit(end > last, computed + ids.length, drafts);
  }
}
