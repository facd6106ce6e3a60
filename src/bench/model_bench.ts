/** How fast a loaded model is, in llama-bench's sizes, beside what its device's memory gives. */
import type { GenerateResult, LocalLLM } from '../index.ts';
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
    const positions = depth + 1 + options.decode / 2;
    const bytesPerToken = llm.weightBytesPerToken + (kvBytes / contextLength) * positions;
    const bytesPerSecond = bytesPerToken * decode.tokensPerSecond;
    const fractions = {
      bandwidthFraction: bytesPerSecond / options.copyBandwidth,
      memoryFraction: bytesPerSecond / options.memoryBandwidth,
    };
    measured.push({ depth, prefill, decode: { ...decode, bytesPerToken, ...fractions } });
  }
  return {
    depths: measured,
    dispatchesPerToken: llm.dispatchesPerToken,
    encodeMillisecondsPerToken,
    weightBytesPerToken: llm.weightBytesPerToken,
    ...(streaming && { streaming }),
    kernels:
      llm.info.streamedLayers === 0 ? kernelTable(await llm.profile({ by: 'shape' }), options.memoryBandwidth) : [],
  };
}
