/** The whole built-in model on one device, in both numeric classes, against what was recorded of it. */
import { beyond } from '../gpu/check.ts';
import type { Tolerance } from '../gpu/kernel.ts';
import type { GenerateResult, LLM, LoadOptions, Precision, Token } from '../index.ts';
import { type Golden, type GoldenAnswer, rowNumbers } from './golden.ts';

export interface ModelCheck {
  readonly precision: Precision;
  readonly ok: boolean;
  /** Σ(got − recorded)² / Σ recorded², over all logits that were recorded. */
  readonly nmse: number;
  /** Largest |got − recorded| over the root mean square of the recorded. */
  readonly max: number;
  /** Tokens that were generated. */
  readonly tokens: number;
  /** What is wrong, in a line, unless `ok`. */
  readonly error?: string;
}

export interface ModelCheckOptions {
  readonly deviceOptions?: LoadOptions['deviceOptions'];
  /** Default: both. An adapter that compiles slowly takes a quarter of a minute for each. */
  readonly precisions?: readonly Precision[];
}

/** How a home loads bytes. */
export type Load = (
  source: Uint8Array,
  options: Pick<LoadOptions, 'precision' | 'contextLength' | 'deviceOptions'>,
) => Promise<LLM>;

/** `exact` differs in the order of its sums alone; `fast` also in roundings that fall the other way. */
export const modelTolerances: Readonly<Record<Precision, Tolerance>> = {
  exact: { nmse: 1e-9, max: 1e-3 },
  fast: { nmse: 3e-4, max: 0.06 },
};

/** Prompt, a short answer, and room to spare. */
const contextLength = 256;

/**
 * Loads the model, anew for each precision, and compares prompt, logits, answer and its log-probabilities.
 * Throws where `bytes` are not the file that `golden` was recorded with; never for what the device did.
 */
export async function* checkModel(
  load: Load,
  bytes: Uint8Array<ArrayBuffer>,
  golden: Golden,
  { deviceOptions = {}, precisions = ['exact', 'fast'] }: ModelCheckOptions = {},
): AsyncGenerator<ModelCheck> {
  if ((await sha256(bytes)) !== golden.sha256) {
    throw new Error('the built-in model is another than models/pocket.golden.json was recorded with');
  }
  for (const precision of precisions) {
    const loadClass = () => load(bytes, { precision, contextLength, deviceOptions });
    yield await checkClass(loadClass, golden, precision);
  }
}

/** In hex. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function checkClass(
  load: () => Promise<LLM>,
  { messages, prompt, ...classes }: Golden,
  precision: Precision,
): Promise<ModelCheck> {
  const golden = classes[precision];
  try {
    await using llm = await load();
    const difference = new Difference();
    await compareLogits(llm, prompt, golden, difference);
    const answer = await generate(llm, prompt, golden);
    compareLogprobs(answer.tokens, prompt.length, golden, difference);
    const { nmse, max } = difference;
    const error =
      beyond(modelTolerances[precision], nmse, max) ??
      other('prompt', await llm.chatTokens(messages), prompt) ??
      wrongAnswer(answer, golden);
    return { precision, ok: !error, nmse, max, tokens: answer.tokens.length, ...(error && { error }) };
  } catch (error) {
    const nothing = { nmse: Number.NaN, max: Number.NaN, tokens: 0 };
    return { precision, ok: false, ...nothing, error: (error as Error).message };
  }
}

/** All tokens at once, as a prompt. */
async function compareLogits(llm: LLM, prompt: readonly number[], golden: GoldenAnswer, difference: Difference) {
  const logits = await llm.logits([...prompt, ...golden.tokens]);
  const { vocabLength } = llm.tokenizer;
  for (const row of golden.rows) {
    const got = rowNumbers(logits.subarray(row.at * vocabLength, (row.at + 1) * vocabLength), row.ids);
    for (const [i, logit] of row.logits.entries()) difference.add(logit, got.logits[i]);
    for (const name of ['mean', 'rms', 'logSum'] as const) difference.add(row[name], got[name]);
  }
}

interface Answer {
  readonly tokens: readonly Token[];
  readonly text: string;
  readonly stopReason: GenerateResult['stopReason'];
}

/** Token by token. */
async function generate(
  llm: LLM,
  prompt: readonly number[],
  { tokens: expected, stopReason, rows }: GoldenAnswer,
): Promise<Answer> {
  const maxTokens = expected.length + (stopReason === 'eos' ? 1 : 0);
  const logprobs = 2 * Math.max(...rows.map(({ ids }) => ids.length)); // some may have changed places
  const stream = llm.generate(prompt, { temperature: 0, maxTokens, logprobs });
  const tokens: Token[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (!done) tokens.push(value);
    else return { tokens, text: tokens.map(({ text }) => text).join('') + value.textEnd, stopReason: value.stopReason };
  }
}

/** Those of the tokens up to the first that is another than recorded; of that one too. */
function compareLogprobs(
  tokens: readonly Token[],
  promptLength: number,
  golden: GoldenAnswer,
  difference: Difference,
): void {
  for (const [i, { id, topLogprobs = [] }] of tokens.entries()) {
    const row = golden.rows.find(({ at }) => at === promptLength - 1 + i);
    if (!row) return;
    const got = new Map(topLogprobs.map((each) => [each.id, each.logprob]));
    for (const [n, logit] of row.logits.entries()) difference.add(logit - row.logSum, got.get(row.ids[n] as number));
    if (id !== golden.tokens[i]) return;
  }
}

function wrongAnswer({ tokens, text, stopReason }: Answer, golden: GoldenAnswer): string | undefined {
  const ids = tokens.map(({ id }) => id);
  return other('answer', ids, golden.tokens) ?? other('text', [text, stopReason], [golden.text, golden.stopReason]);
}

function other(what: string, got: readonly unknown[], recorded: readonly unknown[]): string | undefined {
  const [a, b] = [JSON.stringify(got), JSON.stringify(recorded)];
  return a === b ? undefined : `the ${what} is ${a}, recorded was ${b}`;
}

/** Two metrics together, as for kernels; what is missing or no number makes both NaN. */
class Difference {
  #count = 0;
  #squares = 0;
  #errorSquares = 0;
  #largest = 0;

  add(recorded: number, got = Number.NaN): void {
    const error = Math.abs(got - recorded);
    this.#count++;
    this.#squares += recorded * recorded;
    this.#errorSquares += error * error;
    this.#largest = Math.max(this.#largest, error);
  }

  get nmse(): number {
    return this.#errorSquares / this.#squares;
  }

  get max(): number {
    return this.#largest / Math.sqrt(this.#squares / this.#count);
  }
}
