/** Whose the rows of a step are, and what of them comes to the host. */
import type { ModelConfig } from '../models/config.ts';
import type { ComposedStep, ReadingPart } from './compose.ts';
import { Generation } from './generation.ts';
import type { Batch, StepResults } from './model.ts';
import { Reading, type Rows } from './reading.ts';
import { noToken } from './sampling_tables.ts';

/** What the host reads of a step's logits, whose rows belong to these. */
export function readsOf(rows: ComposedStep['rows']): Pick<Batch, 'reads' | 'logitRows'> {
  if (rows.length === 0) return {};
  const isChosen = rows.some((each) => each instanceof Generation && !each.choosesHere);
  const first = rows.findIndex(isRead);
  if (first < 0) return { reads: 'ids' };
  const logitRows = { first, count: rows.findLastIndex(isRead) + 1 - first };
  return { reads: isChosen ? 'ids and logits' : 'logits', logitRows };
}

/** Whether a row's logits come to the host. */
function isRead(owner: Generation | Reading): boolean {
  return owner instanceof Reading || owner.wantsRow;
}

/** What came of a step, by whose it is. */
export class ResultRows {
  readonly #step: ComposedStep;
  readonly #results: StepResults;
  readonly #config: ModelConfig;
  readonly #firstRead: number;

  constructor(step: ComposedStep, results: StepResults, config: ModelConfig) {
    this.#step = step;
    this.#results = results;
    this.#config = config;
    this.#firstRead = step.rows.findIndex(isRead);
  }

  /** A generation's tokens, one or with drafts several, and their logits where it wants them. */
  chosenBy(generation: Generation): { ids: number[]; logits: Float32Array[] } {
    const { rows } = this.#step;
    const own = [...rows.keys()].filter((row) => rows[row] === generation);
    const ids = own.map((row) => this.#results.ids[row] ?? noToken);
    return { ids, logits: generation.wantsRow ? own.map((row) => this.#logits(row, 1)) : [] };
  }

  readBy({ reading: { reads }, firstRow, rowCount }: ReadingPart): Rows {
    const { scores, hidden } = this.#results;
    if (reads === 'logits') return this.#logits(firstRow, rowCount);
    if (reads === 'scores') return scores.slice(firstRow, firstRow + rowCount);
    return slice(hidden, firstRow, rowCount, this.#config.embeddingLength);
  }

  #logits(row: number, count: number): Float32Array {
    return slice(this.#results.rows, row - this.#firstRead, count, this.#config.vocabLength);
  }
}

/** Some rows of [rows, length]. */
function slice(rows: Float32Array, first: number, count: number, length: number): Float32Array {
  return rows.slice(first * length, (first + count) * length);
}

export function leasesOf({ parts, readings }: ComposedStep): (Generation | Reading)[] {
  return [...parts.map(({ generation }) => generation), ...readings.map(({ reading }) => reading)];
}

/** The step could not be submitted: whose it was is where it was before. */
export function goBack({ parts, readings }: ComposedStep): void {
  for (const part of parts) part.generation.goBack(part);
  for (const part of readings) part.reading.goBack(part);
}
