/** Tokens drawn on the GPU, against the distribution that the sampler on the CPU gives for the same logits. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../kernels/case_data.ts';
import { noToken } from '../../kernels/parts/sampling.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { softmax } from '../../src/decoding/candidates.ts';
import { Sampler } from '../../src/decoding/sampler.ts';
import type { SamplingOptions } from '../../src/decoding/sampling_options.ts';
import { type SampledCounts, SamplingTables } from '../../src/decoding/sampling_tables.ts';
import { createBuffer, readBuffer } from '../../src/gpu/buffers.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { allResident, Recorder } from '../../src/gpu/plan.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { StepTables } from '../../src/models/step.ts';
import { chiSquared, leastOf } from '../reference/chi_squared.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
const pipelines = new Pipelines(device);
const rowCount = 500;
const sampleCount = 10_000;

/** The sampling kernels alone, over rows of logits that are all the same. */
async function drawer(logits: Float32Array) {
  const vocabLength = logits.length;
  const config = { headCount: 1, headCountKv: 1, ropeDimensionCount: 2 } as ModelConfig;
  const limits = {
    maxTokens: rowCount,
    maxLogits: rowCount,
    maxRows: rowCount,
    maxDecode: 1,
    sequences: 1,
    maxPages: 1,
  };
  const step = await StepTables.create(device, config, new Float64Array(1), limits);
  const tables = await SamplingTables.create(device, vocabLength, rowCount, 1);
  const recorder = new Recorder<SampledCounts>(device, pipelines);
  const stride = paddedLength(vocabLength);
  const rows = await createBuffer(device, 'logits', rowCount * stride * 4);
  for (let row = 0; row < rowCount; row++)
    device.gpu.queue.writeBuffer(rows, row * stride * 4, logits as Float32Array<ArrayBuffer>);
  const ids = tables.record(recorder, { name: 'logits', length: vocabLength, of: 'logits', buffer: rows }, step);
  const plan = await recorder.finish(allResident);
  const token = { id: 0, position: 0, sequence: 0, kvSlot: 0, wantsLogits: true };
  return {
    /** Tokens of `counters`, each as if it were the next after `recent`. */
    async draw(options: SamplingOptions, recent: readonly number[] = [], count = sampleCount): Promise<number[]> {
      const sampler = new Sampler(options, vocabLength);
      for (const id of recent) sampler.accept(id);
      tables.writeState(0, sampler.state);
      const drawn: number[] = [];
      while (drawn.length < count) {
        const counts = step.write({ prefill: [], decode: Array.from({ length: rowCount }, () => token) });
        const samplings = Array.from({ length: rowCount }, (_, i) => {
          return { ...sampler.row(0, drawn.length + i, 0, 0), recentLength: 0 }; // nothing is counted from row to row
        });
        const sampled = tables.write(counts, samplings);
        // candidates stay what they are: to draw again, nothing is filtered again
        await plan.replay(drawn.length === 0 ? sampled : { ...sampled, changed: 0, filtered: 0 });
        drawn.push(...new Uint32Array(await readBuffer(device, ids)));
      }
      return drawn.slice(0, count);
    },
    destroy() {
      plan.destroy();
      for (const resource of [step, tables, rows]) resource.destroy();
    },
  };
}

const samplers: Record<string, SamplingOptions> = {
  'temperature 1': { temperature: 1 },
  'temperature 0.3': { temperature: 0.3 },
  'temperature 2': { temperature: 2 },
  'top-k': { temperature: 1, topK: 20 },
  'top-p': { temperature: 1, topP: 0.8 },
  'min-p': { temperature: 1.5, minP: 0.1 },
  'typical-p': { temperature: 1, typicalP: 0.6 },
  'repeat penalty': { temperature: 1, repeatPenalty: 1.3 },
  'frequency penalty': { temperature: 1, frequencyPenalty: 0.8 },
  'presence penalty': { temperature: 1, presencePenalty: -1.2 },
  'logit bias': { temperature: 1, logitBias: { 3: 2, 7: -100, 11: -0.5 } },
  'all of them': {
    temperature: 0.8,
    topK: 60,
    typicalP: 0.95,
    topP: 0.9,
    minP: 0.02,
    repeatPenalty: 1.1,
    frequencyPenalty: 0.2,
    presencePenalty: 0.1,
    logitBias: { 5: 1 },
  },
};
const recent = [1, 2, 2, 3, 3, 3, 40, 41, 42, 43];

describe(`${adapterName}: ${sampleCount} tokens are spread as the CPU says`, async () => {
  const vocabLength = 120;
  const logits = new Random(5).normal(vocabLength).map((value) => 2 * value);
  const gpu = await drawer(logits);

  test.each(Object.keys(samplers))('%s', async (name) => {
    const options = { ...samplers[name], seed: 11 };
    const sampler = new Sampler(options, vocabLength);
    for (const id of recent) sampler.accept(id);
    const { ids, logits: left } = sampler.candidates(logits);
    const { weights, sum } = softmax(left);
    const probabilities = new Float64Array(vocabLength);
    ids.forEach((id, i) => {
      probabilities[id] = weights[i]! / sum;
    });
    const drawn = await gpu.draw(options, recent);
    const counts = new Float64Array(vocabLength);
    for (const id of drawn) counts[id]!++;
    expect(counts.filter((count, id) => count > 0 && probabilities[id] === 0)).toHaveLength(0);
    expect(chiSquared(counts, probabilities)).toBeGreaterThan(leastOf(Object.keys(samplers).length));

    const here = drawn.slice(0, 1000).map((_, counter) => sampler.draw(logits, counter));
    const others = here.filter((id, i) => id !== drawn[i]);
    expect(others.length).toBeLessThan(5); // the same noise: only where two scores round to either side
  });

  test('a seed repeats, another differs', async () => {
    const [first, again, other] = [
      await gpu.draw({ temperature: 1, seed: 1 }, [], 500),
      await gpu.draw({ temperature: 1, seed: 1 }, [], 500),
      await gpu.draw({ temperature: 1, seed: 2 }, [], 500),
    ];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test('greedily: the most likely, with and without what changes it', async () => {
    const best = logits.indexOf(Math.max(...logits));
    expect(new Set(await gpu.draw({ temperature: 0 }, [], 500))).toEqual(new Set([best]));
    expect(new Set(await gpu.draw({ temperature: 0, logitBias: { 3: 100 } }, [], 500))).toEqual(new Set([3]));
  });
});

describe(`${adapterName}: a vocabulary of several blocks`, async () => {
  const vocabLength = 9001;
  const logits = new Random(6).normal(vocabLength).map((value) => 3 * value);

  test('top-p over all of it', async () => {
    const gpu = await drawer(logits);
    const sampler = new Sampler({ temperature: 1, topP: 0.7, seed: 3 }, vocabLength);
    const { ids } = sampler.candidates(logits);
    const drawn = await gpu.draw({ temperature: 1, topP: 0.7, seed: 3 }, [], 1000);
    const kept = new Set(ids);
    expect(drawn.filter((id) => !kept.has(id))).toEqual([]);
    expect(drawn.filter((id, counter) => id !== sampler.draw(logits, counter)).length).toBeLessThan(5);
    gpu.destroy();
  });

  test('logits that are no numbers give no token', async () => {
    const broken = logits.slice();
    broken[5000] = Number.NaN;
    const gpu = await drawer(broken);
    expect(new Set(await gpu.draw({ temperature: 0 }, [], 500))).toEqual(new Set([noToken]));
    gpu.destroy();
  });
});
