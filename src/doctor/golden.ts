/** What the built-in model must say, recorded from a float64 forward pass by models/record_golden.ts. */
import type { ChatMessage, Precision } from '../index.ts';

/** `models/pocket.golden.json`. */
export interface Golden extends Readonly<Record<Precision, GoldenAnswer>> {
  /** Of the model's file, in hex. */
  readonly sha256: string;
  readonly messages: readonly ChatMessage[];
  /** The messages as tokens, by the file's own template and vocabulary. */
  readonly prompt: readonly number[];
}

/** How the model goes on in one numeric class. */
export interface GoldenAnswer {
  /** The greedy tokens, as far as the best two logits are well apart. */
  readonly tokens: readonly number[];
  readonly text: string;
  /** `eos` where a stop token comes next, well apart too. */
  readonly stopReason: 'eos' | 'length';
  /** After some of the prompt's tokens, and after its last and each of the answer's. */
  readonly rows: readonly GoldenRow[];
}

/** A row of logits in few numbers: the greatest one by one, and two that no wrong one leaves as they are. */
export interface GoldenRow {
  /** Which token of prompt and answer the row follows, from 0. */
  readonly at: number;
  /** Tokens of the greatest logits, greatest first. */
  readonly ids: readonly number[];
  /** Theirs. */
  readonly logits: readonly number[];
  readonly mean: number;
  /** Root of the mean square. */
  readonly rms: number;
  /** ln Σ exp(logit): a logit less this is its log-probability. */
  readonly logSum: number;
}

/** A row's numbers, with the logits of `ids`. */
export function rowNumbers(all: ArrayLike<number>, ids: readonly number[]): Omit<GoldenRow, 'at'> {
  const row = Float64Array.from(all);
  const largest = row.reduce((a, b) => Math.max(a, b));
  return {
    ids,
    logits: ids.map((id) => row[id] as number),
    mean: row.reduce((sum, logit) => sum + logit, 0) / row.length,
    rms: Math.sqrt(row.reduce((sum, logit) => sum + logit * logit, 0) / row.length),
    logSum: largest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)),
  };
}
