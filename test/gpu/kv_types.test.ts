/** Keys and values in blocks of int8, in whole models, against a float64 forward that stores them likewise. */
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { openGguf } from '../../src/gguf/open.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type LLM, type LoadOptions, loadIn } from '../../src/index.ts';
import { ConfigError } from '../../src/models/config.ts';
import type { RandomModelOptions } from '../../src/models/random_model.ts';
import { fixtures, randomGguf, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { compareLogits } from '../reference/compare.ts';
import { ReferenceSequence } from '../reference/forward.ts';
import { readReferenceModel } from '../reference/model.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
/** SwiftShader compiles slowly: there the kernels' own cases must do. */
const lavapipe = adapterName === 'lavapipe';
const { vocabLength } = fixtures.alia;

async function load(model: RandomModelOptions, options: LoadOptions = {}, on: Device = device): Promise<LLM> {
  const runtime = {
    openGguf: (bytes: Uint8Array) => openGguf(bytesSource(bytes, 'random.gguf')),
    openDevice: async () => on,
    memoryBudget: () => undefined,
  };
  const settings = { device: on, precision: 'exact', kvType: 'q8_0', contextLength: 1024, ...options } as const;
  return loadIn(runtime, await randomGgufBytes(model), settings);
}

const prompt = (length: number) => Array.from({ length }, (_, i) => (i * 37 + 11) % vocabLength);
const rowsOf = (logits: Float32Array) =>
  Array.from({ length: logits.length / vocabLength }, (_, r) =>
    logits.subarray(r * vocabLength, (r + 1) * vocabLength),
  );

async function reference(model: RandomModelOptions): Promise<ReferenceSequence> {
  return new ReferenceSequence(await readReferenceModel(await randomGguf(model)), { q8Kv: true });
}

/** Measured 1.5e-13; a value that falls to the next int8 costs about 1e-7, and KV of f16 would be 1.4e-6 away or more. */
const tolerance = 5e-7;

/** What is decoded after `tokens`: each token, and the log-probabilities of all in its place. */
async function decoded(llm: LLM, tokens: readonly number[], count: number) {
  const options = { temperature: 0, maxTokens: count, logprobs: vocabLength };
  const rows: Float64Array[] = [];
  const ids: number[] = [];
  for await (const { id, topLogprobs = [] } of llm.generate(tokens, options)) {
    ids.push(id);
    rows.push(new Float64Array(vocabLength));
    for (const { id: other, logprob } of topLogprobs) rows.at(-1)![other] = logprob;
  }
  return { ids, rows };
}

function logSoftmax(logits: Float64Array): Float64Array {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return logits.map((logit) => logit - largest - Math.log(sum));
}

describe.runIf(lavapipe)('q8_0 against float64', () => {
  test.each(['alia', 'longHeads'] as const)('%s, prefilled', async (name) => {
    await using llm = await load(fixtures[name]);
    const tokens = prompt(40);
    const want = (await reference(fixtures[name])).forward(tokens);
    expect(compareLogits(rowsOf(await llm.logits(tokens)), want).nmse).toBeLessThan(tolerance);
  });

  test('three pages, prefilled in chunks and decoded', async () => {
    await using llm = await load(fixtures.longHeads, { chunkLength: 128 });
    const tokens = prompt(600);
    const { ids, rows } = await decoded(llm, tokens, 8);
    expect(ids).toHaveLength(8);
    const expected = (await reference(fixtures.longHeads)).forward([...tokens, ...ids.slice(0, -1)], (i) => i >= 599);
    expect(compareLogits(rows, expected.map(logSoftmax)).nmse).toBeLessThan(tolerance);
  });
});

describe.runIf(lavapipe)('q8_0', () => {
  test('logits are bit-equal in one chunk, in several, and with each kv head in buffers of its own', async () => {
    const tokens = prompt(300);
    const logits = async (options: LoadOptions, on?: Device) => {
      await using llm = await load(fixtures.longHeads, options, on);
      return await llm.logits(tokens);
    };
    const whole = await logits({});
    expect(await logits({ chunkLength: 37 })).toEqual(whole);
    const small = await openTestDevice({ limits: { maxStorageBufferBindingSize: 2 ** 16 } }); // a head takes 34,816
    expect(await logits({}, small)).toEqual(whole);
  });

  test('heads that are no whole blocks are one clear line', async () => {
    const failure = load(fixtures.oddRows);
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.toThrow(
      'heads of 12 values cannot be stored as q8_0, by blocks of 32: use f16 or f32 for keys and values',
    );
  });
});
