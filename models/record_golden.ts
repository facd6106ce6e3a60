/**
 * Records what `doctor` holds the built-in model to: `node models/record_golden.ts` reads models/pocket-q8_0.gguf and
 * writes models/pocket.golden.json, from the float64 reference of the tests; no GPU is asked.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ChatEncoder } from '../src/chat/index.ts';
import { modelTolerances, sha256 } from '../src/doctor/check_model.ts';
import { type Golden, type GoldenAnswer, type GoldenRow, rowNumbers } from '../src/doctor/golden.ts';
import { bytesSource } from '../src/gguf/bytes.ts';
import { openGguf } from '../src/gguf/open.ts';
import type { Precision } from '../src/index.ts';
import { createTokenizer } from '../src/tokenizer/index.ts';
import { type ReferenceOptions, ReferenceSequence } from '../test/reference/forward.ts';
import { readReferenceModel } from '../test/reference/model.ts';

/** The first whose answer is sure for long enough is asked. */
const questions = [
  '¿Qué sabes hacer?',
  'What can you do?',
  'Què saps fer?',
  'Que sabes facer?',
  'Tell me a story about a fox and a pencil.',
  'What is the capital of France?',
];
const [minTokens, maxTokens] = [10, 32];
/** Logits of a row that are recorded. */
const bestCount = 12;
/** Rows of the prompt that are recorded: one of so many. */
const promptStride = 16;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const bytes = new Uint8Array(await readFile(file('pocket-q8_0.gguf')));
const gguf = await openGguf(bytesSource(bytes, 'pocket-q8_0.gguf'));
const tokenizer = createTokenizer(gguf.metadata, { onWarning: console.error });
const encoder = new ChatEncoder(gguf.metadata, tokenizer);
const model = await readReferenceModel(gguf);

const golden = await recordAny();
const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(8)) : value);
await writeFile(file('pocket.golden.json'), JSON.stringify(golden, rounded));
execFileSync('npx', ['biome', 'format', '--write', file('pocket.golden.json')]);

async function recordAny(): Promise<Golden> {
  for (const content of questions) {
    console.log(content);
    const messages = [{ role: 'user', content }];
    const prompt = encoder.encode({ messages, add_generation_prompt: true });
    const exact = record(prompt, 'exact', {});
    const fast = record(prompt, 'fast', { quantizedActivations: true, f16Kv: true });
    if (Math.min(exact.tokens.length, fast.tokens.length) < minTokens) continue;
    return { sha256: await sha256(bytes), messages, prompt, exact, fast };
  }
  throw new Error('no answer is sure for long enough: add other questions');
}

function record(prompt: readonly number[], precision: Precision, options: ReferenceOptions): GoldenAnswer {
  const sequence = new ReferenceSequence(model, options);
  const rows: GoldenRow[] = [];
  const tokens: number[] = [];
  const keep = (at: number, logits: Float64Array) => {
    const ids = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, bestCount);
    rows.push({ at, ...rowNumbers(logits, ids) });
    return ids[0]!;
  };
  const ofPrompt = sequence.forward(prompt);
  for (let at = 0; at < prompt.length - 1; at += promptStride) keep(at, ofPrompt[at]!);
  const first = rows.length;
  let next = keep(prompt.length - 1, ofPrompt.at(-1)!);
  while (tokens.length < maxTokens && !tokenizer.stopTokens.has(next)) {
    tokens.push(next);
    next = keep(prompt.length - 1 + tokens.length, sequence.forward([next])[0]!);
  }

  // As far as no error within the tolerance makes the second best the best
  const gaps = rows.slice(first).map(({ logits: [best, second] }) => best! - second!);
  const margin = modelTolerances[precision].max * rootMeanSquare(rows.flatMap(({ logits }) => logits));
  const sure = gaps.findIndex((gap) => gap < margin);
  const count = sure < 0 ? tokens.length : Math.min(sure, tokens.length);
  const ends = sure < 0 && tokenizer.stopTokens.has(next);
  const answer = tokens.slice(0, count);
  const text = tokenizer.decode(answer);
  const smallest = `the smallest gap is ${Math.min(...gaps).toFixed(2)}, ${margin.toFixed(2)} is needed`;
  console.log(`  ${precision}: ${count} tokens${ends ? ' and the end' : ''}; ${smallest}: ${text}`);
  return { tokens: answer, text, stopReason: ends ? 'eos' : 'length', rows: rows.slice(0, first + count + 1) };
}

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
