import type { Generation, GenerationOptions } from '../../src/decoding/generation.ts';
import { Sampler } from '../../src/decoding/sampler.ts';
import type { SamplingOptions } from '../../src/decoding/sampling_options.ts';
import type { Scheduler } from '../../src/decoding/scheduler.ts';
import { fakeConfig } from './fake_device.ts';

/** What a test asks of a generation; the sampler is made of the rest. */
export type Wants = SamplingOptions & Partial<Omit<GenerationOptions, 'sampler'>>;

export function wants(some: Wants = {}): GenerationOptions {
  const { maxTokens = 20, wantsLogits = false, speculation = 'off', onProgress, ...sampling } = some;
  const sampler = new Sampler({ temperature: 1, seed: 1, ...sampling }, fakeConfig.vocabLength);
  return { sampler, maxTokens, wantsLogits, speculation, onProgress };
}

/** The next `count` tokens, or fewer where the context ends. */
export async function take(scheduler: Scheduler, generation: Generation, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const chosen = await scheduler.next(generation);
    if (!chosen) break;
    ids.push(chosen.id);
  }
  return ids;
}
