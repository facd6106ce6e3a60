/** How long a model is tuned, and with which steps. */
import { pageLength } from '../../kernels/parts/kv.ts';
import { Ground } from '../gpu/course.ts';
import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import type { Recorder } from '../gpu/plan.ts';
import { type TuneLimits, tune } from '../gpu/tune.ts';
import type { Tuning } from '../models/load.ts';
import type { MemoryPlan } from '../models/memory.ts';
import type { Step, StepTables } from '../models/step.ts';
import type { Weights } from '../weights/load.ts';
import type { KvCache } from './kv_cache.ts';
import type { SampledCounts, SamplingTables } from './sampling_tables.ts';

/** What of a model its kernels are tried on. */
export interface TunedParts {
  readonly device: Device;
  readonly pipelines: Pipelines;
  readonly kv: KvCache;
  readonly tables: StepTables;
  readonly sampling: SamplingTables;
  readonly weights: Pick<Weights, 'slots'>;
}

/** Milliseconds of a quick tuning: at most, for each MiB of weights, and what is too short for any. */
const quickTuning = { most: 800, perMiB: 4, least: 50, rounds: 3 };
const fullTuning = { milliseconds: 60_000, rounds: 9 };
/** Tokens of the prompts that prefill kernels are tuned with; the longer one where the shorter is done in no time. */
const promptLengths = [16, 128];

/** None where nothing is to be tuned, or the model is so small that nobody would notice. */
export function tuneLimits(
  tuning: Tuning = 'quick',
  { weightBytes, bytesPerPass }: MemoryPlan,
  signal: AbortSignal | undefined,
): TuneLimits | undefined {
  if (tuning === 'off') return undefined;
  if (tuning === 'full') return { ...fullTuning, signal };
  const { most, perMiB, least, rounds } = quickTuning;
  const milliseconds = Math.min(most, ((weightBytes + bytesPerPass) / 2 ** 20) * perMiB);
  return milliseconds < least ? undefined : { milliseconds, rounds, signal };
}

/** Positions of the sequence that kernels are tried with: a page, or all there are. */
const trialPositions = ({ maxPages }: KvCache) => Math.min(maxPages, 1) * pageLength;

/** Before `forward` is recorded: the cache may move. */
export const reserveTrialPositions = ({ kv }: TunedParts): Promise<void> => kv.reserve(0, 0, trialPositions(kv));

/** Races between variants of the recorded kernels, before anything in the model's buffers matters. Frees them if it fails. */
export async function tuneRecorded(
  { device, pipelines, kv, tables, sampling, weights }: TunedParts,
  recorder: Recorder<SampledCounts>,
  limits: TuneLimits,
): Promise<void> {
  await Promise.all([recorder.compiled(), device.gpu.queue.onSubmittedWorkDone()]); // or they would be timed with it
  tables.writePages(kv.pageTable);
  const end = trialPositions(kv);
  const { maxTokens, maxDecode } = tables.limits;
  const tokens = (count: number, logits: number) =>
    Array.from({ length: count }, (_, i) => {
      const position = end - count + i;
      return { id: 0, position, sequence: 0, kvSlot: kv.slot(0, position), wantsLogits: i >= count - logits };
    });
  const write = (step: Step) => sampling.write(tables.write(step), []);
  const prompt = (length: number) => ({ write: () => write({ prefill: tokens(length, 1), decode: [] }) });
  const decode = (width: number) => ({ write: () => write({ prefill: [], decode: tokens(width, width) }) });
  const trials = [
    { steps: [decode(1)], isNeeded: true },
    { steps: promptLengths.map((length) => prompt(Math.min(length, end, maxTokens - maxDecode))), isNeeded: true },
    ...[8, 4, 2].map((width) => ({ steps: [decode(width)], isNeeded: false })),
  ];
  const cache = kv.layers.flat().flatMap(({ keys, vals }) => [keys.buffer, vals.buffer]);
  const ground = new Ground(recorder, pipelines, [...weights.slots, ...cache]);
  try {
    await tune(device, ground.courses(trials), limits);
  } catch (error) {
    recorder.discard();
    throw error;
  }
  ground.clear();
  kv.truncate(0, 0);
}
