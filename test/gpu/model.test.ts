/** Whole models that the tests make themselves, against a float64 forward over the file's own weights. */
import { describe, expect, test } from 'vitest';
import { type Batch, type BatchToken, Model, type ModelOptions } from '../../src/decoding/model.ts';
import type { Gguf } from '../../src/gguf/gguf.ts';
import type { Device } from '../../src/gpu/device.ts';
import { OutOfMemoryError } from '../../src/gpu/errors.ts';
import { readHeader } from '../../src/models/load.ts';
import { fixtures, randomGguf } from '../fixtures/random_gguf.ts';
import { compareLogits } from '../reference/compare.ts';
import { ReferenceSequence } from '../reference/forward.ts';
import { readReferenceModel } from '../reference/model.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
const lavapipe = adapterName === 'lavapipe';
const tokens = Array.from({ length: 40 }, (_, i) => (i * 37 + 11) % 331);

const sequenceOf = (ids: readonly number[], sequence = 0, from = 0): BatchToken[] =>
  ids.map((id, i) => ({ id, position: from + i, sequence, wantsLogits: true }));

async function withModel<T>(
  on: Device,
  gguf: Gguf,
  options: ModelOptions,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await Model.load(readHeader(gguf), on, undefined, { contextLength: 1024, ...options });
  try {
    return await use(model);
  } finally {
    model.destroy();
  }
}

const logits = async (model: Model, batch: Batch) => (await model.read({ ...batch, reads: 'logits' })).rows;

/** Logits rows of `ids`: the first `prefilled` in chunks, the others decoded one by one. */
async function rows(model: Model, ids: readonly number[], prefilled: number, chunk = 512): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  const { vocabLength } = model.config;
  for (let first = 0; first < ids.length; ) {
    const count = first < prefilled ? Math.min(chunk, prefilled - first) : 1;
    const step = sequenceOf(ids.slice(first, first + count), 0, first);
    const got = await logits(model, first < prefilled ? { prefill: step } : { decode: step });
    for (let r = 0; r < count; r++) all.push(got.slice(r * vocabLength, (r + 1) * vocabLength));
    first += count;
  }
  return all;
}

async function referenceRows(gguf: Gguf, ids: readonly number[], options = {}) {
  return new ReferenceSequence(await readReferenceModel(gguf), options).forward(ids);
}

describe(`${adapterName} exact`, () => {
  // SwiftShader compiles and runs slowly: there the model with the most in it stands for the others
  const names = lavapipe ? Object.keys(fixtures) : ['mixed'];
  test.each(names)('%s is within 2e-4 of float64, prefilled and decoded', async (name) => {
    const gguf = await randomGguf(fixtures[name as keyof typeof fixtures]);
    const got = await withModel(device, gguf, { precision: 'exact' }, (model) => rows(model, tokens, 32));
    expect(compareLogits(got, await referenceRows(gguf, tokens)).largest).toBeLessThan(2e-4);
  });
});

describe.runIf(lavapipe)('fast', () => {
  test('int8 activations and f16 KV agree with a reference that has them', async () => {
    const gguf = await randomGguf(fixtures.alia);
    const got = await withModel(device, gguf, { precision: 'fast' }, (model) => rows(model, tokens, 32));
    const want = await referenceRows(gguf, tokens, { quantizedActivations: true, f16Kv: true });
    expect(compareLogits(got, want).nmse).toBeLessThan(1e-4); // single roundings that fall the other way
  });
});

describe.runIf(lavapipe)('a small device', () => {
  test.each([
    ['base features', { features: [] }],
    [
      'bindings of 4 KiB: rows split into tiles, kv heads into groups',
      { limits: { maxStorageBufferBindingSize: 2 ** 12 } },
    ],
  ] as const)('%s: the same logits', async (_, options) => {
    const gguf = await randomGguf(fixtures.biases);
    const small = await openTestDevice(options as object);
    const got = await withModel(small, gguf, { precision: 'exact' }, (model) => rows(model, tokens, 32));
    expect(compareLogits(got, await referenceRows(gguf, tokens)).largest).toBeLessThan(2e-4);
  });

  test('embeddings that stay in the file: bit-equal logits', async () => {
    const gguf = await randomGguf(fixtures.alia);
    const resident = await withModel(device, gguf, {}, (model) => rows(model, tokens, 32));
    const bytes = await withModel(device, gguf, {}, async ({ memory }) => memory.gpuBytes);
    const host = await withModel(device, gguf, { gpuMemoryBytes: bytes - 1 }, async (model) => {
      expect(model.memory.hostEmbeddings).toBe(true);
      return rows(model, tokens, 32);
    });
    expect(host).toEqual(resident);
  });

  test('memory that ends while the cache grows: an OutOfMemoryError, and what was there still works', async () => {
    const gguf = await randomGguf(fixtures.alia);
    const small = await openTestDevice({ limits: { maxBufferSize: 150_000 } }); // 4 pages of a head, not 8
    await withModel(small, gguf, { precision: 'exact', chunkLength: 16, contextLength: 2048 }, async (model) => {
      const before = await rows(model, tokens, 40, 16);
      await expect(model.kv.reserve(0, 40, 1500)).rejects.toThrow(OutOfMemoryError);
      model.kv.truncate(0, 0);
      expect(await rows(model, tokens, 40, 16)).toEqual(before);
    });
  });

  test('too little memory is one clear line', async () => {
    const gguf = await randomGguf(fixtures.alia);
    const load = Model.load(readHeader(gguf), device, undefined, { gpuMemoryBytes: 1000 });
    await expect(load).rejects.toThrow(/need \d+ MiB of GPU memory, and there are 0 MiB/);
  });
});

describe.each(lavapipe ? (['exact', 'fast'] as const) : (['fast'] as const))(
  `${adapterName} %s: a token's logits are bit-equal`,
  (precision) => {
    const ids = Array.from({ length: 300 }, (_, i) => (i * 53 + 7) % 331); // beyond a page: decoding splits its attention
    const options = { precision, sequences: 2 } as const;

    test('in one chunk, in several, beside another sequence, and after the cache has grown', async () => {
      const gguf = await randomGguf(fixtures.alia);
      await withModel(device, gguf, options, async (model) => {
        const { vocabLength } = model.config;
        const whole = await rows(model, ids.slice(0, 90), 90);
        model.kv.truncate(0, 0);
        expect(await rows(model, ids.slice(0, 90), 90, 37)).toEqual(whole);
        model.kv.truncate(0, 0);

        const other = sequenceOf(ids.slice(5, 38), 1);
        const mixed = await logits(model, { prefill: [...other, ...sequenceOf(ids.slice(0, 90))] });
        for (let r = 0; r < 90; r++) {
          const at = (other.length + r) * vocabLength;
          expect(mixed.slice(at, at + vocabLength)).toEqual(whole[r]);
        }
      });
    });

    test('decoded alone, beside others, and beside a prompt that is prefilled', async () => {
      const gguf = await randomGguf(fixtures.alia);
      await withModel(device, gguf, options, async (model) => {
        const { vocabLength } = model.config;
        await model.submit({ prefill: sequenceOf(ids.slice(0, 290)) });
        const next = sequenceOf(ids.slice(290, 291), 0, 290);
        const alone = await logits(model, { decode: next });

        await model.submit({ prefill: sequenceOf(ids.slice(0, 20), 1) });
        const others = sequenceOf(ids.slice(20, 24), 1, 20);
        const beside = await logits(model, { decode: [...others, ...next] });
        expect(beside.slice(others.length * vocabLength)).toEqual(alone);

        const prompt = sequenceOf(ids.slice(20, 30), 1, 20);
        const mixed = await logits(model, { prefill: prompt, decode: next });
        expect(mixed.slice(prompt.length * vocabLength)).toEqual(alone);
        model.kv.truncate(1, 0);
        await model.submit({ prefill: sequenceOf(ids.slice(0, 300).concat(ids), 1).slice(0, 500) }); // grows the cache
        expect(await logits(model, { decode: next })).toEqual(alone);
      });
    });
  },
);
