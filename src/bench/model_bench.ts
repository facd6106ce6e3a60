/** How fast a loaded model is, in llama-bench's sizes, beside what its device's memory gives. */
import type { GenerateResult, KernelTime, LocalLLM } from '../index.ts';
import { type KernelRow, kernelTable } from './kernel_table.ts';
import { timeRun } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';
import { type BenchTest, rateOf, runOf } from './tests.ts';

export interface ModelBenchOptions {
  /** Tokens of a prompt, and tokens that are generated. */
  readonly prefill: number;
  readonly decode: number;
  /** Positions that stand in the cache before; those that the context has no room for are left out. */
  readonly depths: readonly number[];
  /** Runs of each, after one that warms up. */
  readonly repetitions: number;
  /** Bytes a second, read and written. */
  readonly copyBandwidth: number;
  /** Of the best of all memory rooflines. */
  readonly memoryBandwidth: number;
  /** Whether the device tells the times of passes. */
  readonly hasClock: boolean;
  readonly signal?: AbortSignal;
  /** Is told what is being timed. */
  readonly onTest?: (test: BenchTest) => void;
}

/** Tokens a second. */
export interface PhaseSpeed {
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly spread: Spread;
}

export interface DecodeSpeed extends PhaseSpeed {
  /** Bytes of weights, keys and values that are read for a token, on average. */
  readonly bytesPerToken: number;
  /** Of the copy bandwidth, and of the best memory roofline. */
  readonly bandwidthFraction: number;
  readonly memoryFraction: number;
}

export interface DepthSpeed {
  readonly depth: number;
  readonly prefill: PhaseSpeed;
  readonly decode: DecodeSpeed;
  /** Where the device has a clock and all weights are resident. */
  readonly attention?: AttentionTime;
}

/** What attention alone takes at a depth. */
export interface AttentionTime {
  /** Milliseconds of a decoded token, and of each token of a prompt's chunk. */
  readonly decode: number;
  readonly prefill: number;
  /** Bytes of keys and values that a decoded token reads. */
  readonly kvBytes: number;
}

export interface ModelBench {
  readonly depths: readonly DepthSpeed[];
  readonly dispatchesPerToken: number;
  /** The host's time for writing a step's tables, encoding and submitting it, while decoding. */
  readonly encodeMillisecondsPerToken: number;
  readonly weightBytesPerToken: number;
  readonly streaming?: NonNullable<GenerateResult['streaming']>;
  /** Of a decoded token, where the device has a clock and all weights are resident. */
  readonly kernels: readonly KernelRow[];
  /** GPU time of a step that verifies eight tokens, times that of one. */
  readonly eightColumnsCost?: number;
}

export async function benchModel(llm: LocalLLM, options: ModelBenchOptions): Promise<ModelBench> {
  const { contextLength, kvBytes } = llm.info;
  const longest = Math.max(options.prefill, options.decode + 1);
  const depths = options.depths.filter((depth) => depth + longest < contextLength);
  if (depths.length === 0) {
    throw new RangeError(
      `the context holds ${contextLength} tokens, too few for ${longest}: lower -p, -n or the depth`,
    );
  }
  const hasProfile = llm.info.streamedLayers === 0 && options.hasClock;
  const measured: DepthSpeed[] = [];
  let encodeMillisecondsPerToken = 0;
  let streaming: GenerateResult['streaming'];
  const time = async (test: BenchTest) => {
    options.onTest?.(test);
    const rates: number[] = [];
    for (let turn = 0; turn <= options.repetitions; turn++) {
      const before = llm.encoding;
      const run = runOf(test, turn, llm.tokenizer.vocabLength);
      const { streaming: seen, ...times } = await timeRun(llm, run, options.signal);
      const after = llm.encoding;
      if (turn > 0) rates.push(rateOf(test, times));
      if (test.kind !== 'tg' || test.depth > 0) continue;
      streaming = seen;
      encodeMillisecondsPerToken = (after.milliseconds - before.milliseconds) / (after.steps - before.steps);
    }
    const spread = spreadOf(rates);
    return { tokens: test.tokens, tokensPerSecond: spread.median, spread };
  };
  for (const depth of depths) {
    const named = (kind: BenchTest['kind'], tokens: number): BenchTest => {
      return { name: `${kind}${tokens}${depth > 0 ? `@${depth}` : ''}`, kind, tokens, depth };
    };
    const prefill = await time(named('pp', options.prefill));
    const decode = await time(named('tg', options.decode));
    const kvBytesPerPosition = kvBytes / contextLength;
    const bytesPerToken = llm.weightBytesPerToken + kvBytesPerPosition * (depth + 1 + options.decode / 2);
    const bytesPerSecond = bytesPerToken * decode.tokensPerSecond;
    const fractions = {
      bandwidthFraction: bytesPerSecond / options.copyBandwidth,
      memoryFraction: bytesPerSecond / options.memoryBandwidth,
    };
    const attention = hasProfile && (await attentionTime(llm, depth, options.prefill, kvBytesPerPosition));
    const speeds = { depth, prefill, decode: { ...decode, bytesPerToken, ...fractions } };
    measured.push({ ...speeds, ...(attention && { attention }) });
  }
  return {
    depths: measured,
    dispatchesPerToken: llm.dispatchesPerToken,
    encodeMillisecondsPerToken,
    weightBytesPerToken: llm.weightBytesPerToken,
    ...(streaming && { streaming }),
    ...(hasProfile ? await profiles(llm, options.memoryBandwidth) : { kernels: [] }),
  };
}

async function profiles(llm: LocalLLM, memoryBandwidth: number) {
  const one = await llm.profile({ by: 'shape' });
  const eight = await llm.profile({ tokens: 8, phase: 'decode' });
  return { kernels: kernelTable(one, memoryBandwidth), eightColumnsCost: wholeTime(eight) / wholeTime(one) };
}

async function attentionTime(llm: LocalLLM, depth: number, prompt: number, kvBytesPerPosition: number) {
  const tokens = Math.min(prompt, llm.maxPrefill);
  const decode = wholeTime(attentionOf(await llm.profile({ depth })));
  const prefill = wholeTime(attentionOf(await llm.profile({ tokens, depth, phase: 'prefill' }))) / tokens;
  return { decode, prefill, kvBytes: kvBytesPerPosition * (depth + 1) };
}

const attentionOf = (times: readonly KernelTime[]) => times.filter(({ label }) => label.startsWith('flash_attn'));
const wholeTime = (times: readonly KernelTime[]) => times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
