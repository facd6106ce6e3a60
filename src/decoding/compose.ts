import { pendingId } from '../../kernels/parts/range.ts';
import type { Generation } from './generation.ts';
import type { BatchToken } from './model.ts';
import { Reading } from './reading.ts';

export interface ComposeLimits {
  /** Tokens of a step by phase, and rows of logits, at most. */
  readonly maxPrefill: number;
  readonly maxDecode: number;
  readonly maxLogits: number;
  /** Rows of logits, of scores and of hidden states together, at most. */
  readonly maxRows: number;
  /** Tokens that a generation may be ahead of its consumer. */
  readonly maxAhead: number;
  readonly contextLength: number;
}

/** A step, and whose each row of its results is. */
export interface ComposedStep {
  readonly prefill: readonly BatchToken[];
  readonly decode: readonly BatchToken[];
  /** Of the logits: rows of the prefill phase, then those of the decode phase; a generation with drafts has several. */
  readonly rows: readonly (Generation | Reading)[];
  /** Who takes part: its sampler's state is to be written first where it is new. */
  readonly parts: readonly Part[];
  readonly readings: readonly ReadingPart[];
}

export interface Part {
  readonly generation: Generation;
  /** What was computed before, and is with this step. */
  readonly computed: number;
  readonly end: number;
  /** Whether any of the step's rows is its own. */
  readonly chooses: boolean;
  readonly writesState: boolean;
}

export interface ReadingPart {
  readonly reading: Reading;
  /** How often it had begun anew. */
  readonly restarts: number;
  readonly computed: number;
  readonly end: number;
  /** Its rows among those of their kind: logits, scores or hidden states. */
  readonly firstRow: number;
  readonly rowCount: number;
}

/** Tokens that may come next, of generations whose tokens so far are all known. */
export type Drafts = ReadonlyMap<Generation, readonly number[]>;

const noDrafts: Drafts = new Map();

/**
 * Takes up whoever can go on, the first ones first, and notes in each what it has now submitted. Where a generation has
 * drafts, which the decode phase must have room for, the step chooses behind each of them as if all before it were right.
 */
export function composeStep(
  running: Iterable<Generation | Reading>,
  limits: ComposeLimits,
  drafts: Drafts = noDrafts,
): ComposedStep | undefined {
  const phases = { prefill: new Phase(limits.maxPrefill), decode: new Phase(limits.maxDecode) };
  const parts: Part[] = [];
  const readings: ReadingPart[] = [];
  const rowsLeft = () => limits.maxLogits - phases.prefill.rows.length - phases.decode.rows.length;
  for (const generation of running) {
    if (generation instanceof Reading) {
      const part = readingPart(generation, phases.prefill, rowsLeft(), limits);
      if (part) readings.push(part);
      continue;
    }
    if (!mayChoose(generation, limits)) continue;
    const length = generation.tokens.length + generation.pending;
    if (length > limits.contextLength) {
      generation.fill();
      continue;
    }
    const isPrompt = generation.computed < generation.promptLength;
    const phase = isPrompt ? phases.prefill : phases.decode;
    const { computed } = generation;
    const end = Math.min(isPrompt ? generation.promptLength : length, computed + phase.room);
    if (end === computed || rowsLeft() === 0) continue;
    const chooses = end === length;
    parts.push({ generation, computed, end, chooses, writesState: chooses && generation.rememberState() });
    phase.add(generation, end, (chooses && drafts.get(generation)) || []);
  }
  if (parts.length + readings.length === 0) return undefined;
  const { prefill, decode } = phases;
  return { prefill: prefill.tokens, decode: decode.tokens, rows: [...prefill.rows, ...decode.rows], parts, readings };
}

/** As much of a reading as there is room for; its rows are of one kind, and stand together. */
function readingPart(
  reading: Reading,
  phase: Phase,
  logitsLeft: number,
  { maxRows, maxLogits }: ComposeLimits,
): ReadingPart | undefined {
  if (!reading.canGoOn) return undefined;
  const { computed, prompt, reads, firstRow, restarts } = reading;
  const rowRoom = reads === 'logits' ? logitsLeft : maxRows - maxLogits - phase.otherRows;
  const end = Math.min(prompt.length, computed + phase.room, firstRow + rowRoom);
  if (end <= computed) return undefined;
  const rowCount = Math.max(0, end - firstRow);
  const part = { reading, restarts, computed, end, firstRow: phase.rowsOf(reads), rowCount };
  phase.read(reading, end);
  return part;
}

function mayChoose(generation: Generation, { maxAhead }: ComposeLimits): boolean {
  if (!generation.canGoOn || generation.isWaiting || generation.chosenCount >= generation.maxTokens) return false;
  return generation.ahead < (generation.choosesHere ? 1 : maxAhead);
}

class Phase {
  readonly tokens: BatchToken[] = [];
  readonly rows: (Generation | Reading)[] = [];
  /** Rows that are scored, and those of hidden states. */
  #scored = 0;
  #hidden = 0;
  readonly #maxTokens: number;

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  get room(): number {
    return this.#maxTokens - this.tokens.length;
  }

  get otherRows(): number {
    return this.#scored + this.#hidden;
  }

  rowsOf(reads: Reading['reads']): number {
    return { logits: this.rows.length, scores: this.#scored, hidden: this.#hidden }[reads];
  }

  /** Positions up to `end` of a reading. */
  read(reading: Reading, end: number): void {
    const { sequence, prompt, computed, firstRow, reads, top } = reading;
    for (let position = computed; position < end; position++) {
      const token = { id: prompt[position] as number, position, sequence, wantsLogits: false };
      if (position < firstRow) this.tokens.push(token);
      else if (reads === 'logits') {
        this.tokens.push({ ...token, wantsLogits: true });
        this.rows.push(reading);
      } else if (reads === 'scores') {
        this.tokens.push({ ...token, scoring: { target: prompt[position + 1] ?? 0, top } });
        this.#scored++;
      } else {
        this.tokens.push({ ...token, wantsHidden: true });
        this.#hidden++;
      }
    }
    reading.submit(end);
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
