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
  /** Rows of the prefill phase, then those of the decode phase. */
  readonly rows: readonly Generation[];
  /** Who takes part: its sampler's state is to be written first where it is new. */
  readonly parts: readonly Part[];
}

export interface Part {
  readonly generation: Generation;
  /** What was computed before. */
  readonly computed: number;
  /** Whether one of the step's rows is its own. */
  readonly chooses: boolean;
  readonly writesState: boolean;
}

/** Takes up whoever can go on, the first ones first, and notes in each what it has now submitted. */
export function composeStep(generations: Iterable<Generation>, limits: ComposeLimits): ComposedStep | undefined {
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
    phase.add(generation, end);
  }
  if (parts.length === 0) return undefined;
  const { prefill, decode } = phases;
  return { prefill: prefill.tokens, decode: decode.tokens, rows: [...prefill.rows, ...decode.rows], parts };
}

function mayChoose(generation: Generation, { maxAhead }: ComposeLimits): boolean {
  if (!generation.canGoOn || generation.chosenCount >= generation.maxTokens) return false;
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

  /** Positions up to `end` of a generation; its last one chooses a token. */
  add(generation: Generation, end: number): void {
    const { sequence, tokens } = generation;
    const last = tokens.length + generation.pending - 1;
    for (let position = generation.computed; position < end; position++) {
      const wantsLogits = position === last;
      const sampling = wantsLogits ? generation.sampling() : undefined;
      this.tokens.push({ id: tokens[position] ?? pendingId, position, sequence, wantsLogits, sampling });
    }
    generation.computed = end;
    if (end <= last) return;
    generation.pending++;
    this.rows.push(generation);
  }
}
