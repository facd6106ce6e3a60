/** Where a model's parts go under a budget, decided from its header alone. */
import { describe, expect, test } from 'vitest';
import type { Gguf } from '../../src/gguf/gguf.ts';
import { type ModelHeader, readHeader } from '../../src/models/load.ts';
import { MemoryError, type MemoryOptions, type MemoryPlan, planMemory } from '../../src/models/memory.ts';
import { spread } from '../../src/models/memory_streamed.ts';
import { type MatrixSpec, tileLayouts } from '../../src/weights/matrix.ts';
import { headerOnly, randomHeader } from '../fixtures/header_only.ts';
import { leastBudget } from '../fixtures/least_budget.ts';
import { aliaMetadata, aliaTensors } from '../gguf/alia_shape.ts';
import { Random } from '../gguf/fuzz/random.ts';

const [mib, gib] = [2 ** 20, 2 ** 30];
/** lavapipe's. */
const limits = { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 27 };
const options: MemoryOptions = { limits, kvType: 'f16', precision: 'fast', sequences: 1 };
const plan = (header: ModelHeader, more: Partial<MemoryOptions>) => planMemory(header, { ...options, ...more });
const leastOf = (model: ModelHeader) =>
  leastBudget(plan(model, {}).gpuBytes, (budgetBytes) => plan(model, { budgetBytes }));
const header = async (gguf: Promise<Gguf>) => readHeader(await gguf);

describe('ALIA-40b', async () => {
  const alia = await header(headerOnly(aliaMetadata(), aliaTensors()));
  const layerFileBytes = 802_160_640;

  test.each([
    [2, { residentLayers: 1, hostEmbeddings: true }, false],
    [6, { residentLayers: 3, chunkLength: 2048, slotCount: 4, tileBytes: 64 * mib }, true],
    [8, { residentLayers: 5, chunkLength: 2048, slotCount: 4, tileBytes: 64 * mib }, true],
    [24, { residentLayers: 25, chunkLength: 2048, slotCount: 4, tileBytes: 64 * mib }, true],
  ])('in %i GiB', (budget, wanted, hasHead) => {
    const planned = plan(alia, { budgetBytes: budget * gib });
    expect(planned).toMatchObject(wanted);
    const { residentLayers, streamedLayers, streamed, bytesPerPass, contextLength, chunkLength } = planned;
    expect(residentLayers + streamedLayers).toBe(48);
    expect(streamed.has('output.weight')).toBe(!hasHead);
    expect(bytesPerPass).toBe(streamedLayers * layerFileBytes + (hasHead ? 0 : 2_228_224_000));
    expect(contextLength).toBeGreaterThanOrEqual(Math.max(512, chunkLength));
    requireSound(planned, alia, budget * gib);
  });

  test('in 48 GiB, and where nobody knows the memory: all resident, in longer passes where they cost no context', () => {
    const whole = { residentLayers: 48, streamedLayers: 0, hostEmbeddings: false, bytesPerPass: 0 };
    expect(plan(alia, { budgetBytes: 48 * gib })).toMatchObject({ ...whole, chunkLength: 512 });
    expect(plan(alia, { budgetBytes: 80 * gib })).toMatchObject({ ...whole, chunkLength: 2048 });
    const unbounded = plan(alia, {});
    expect(unbounded).toMatchObject({ ...whole, chunkLength: 2048 });
    expect(unbounded.streamed.size + unbounded.slotCount).toBe(0);
    // an eighth of the weights, in pages of 256
    expect(unbounded.contextLength).toBe(Math.floor(unbounded.weightBytes / 8 / 196_608 / 256) * 256);
  });

  test('in 40 GiB: the embeddings stay in the file, before any layer does', () => {
    expect(plan(alia, { budgetBytes: 40 * gib })).toMatchObject({ hostEmbeddings: true, streamedLayers: 0 });
  });

  test('streaming, KV takes a quarter at most, unless a context is asked for', () => {
    for (const budgetBytes of [1, 3, 8, 16, 24, 32].map((size) => size * gib)) {
      expect(plan(alia, { budgetBytes }).kvBytes).toBeLessThanOrEqual(budgetBytes / 4);
    }
    const asked = plan(alia, { budgetBytes: 8 * gib, contextLength: 20_000 });
    expect(asked).toMatchObject({ contextLength: 20_000, kvBytes: 79 * 256 * 196_608 });
    requireSound(asked, alia, 8 * gib);
  });

  test('streaming, each of several sequences has a page, as far as that leaves room for the rest', () => {
    const contexts = [1, 4, 64].map((sequences) => {
      const planned = plan(alia, { budgetBytes: 1.5 * gib, sequences });
      requireSound(planned, alia, 1.5 * gib);
      return planned.contextLength;
    });
    expect(contexts.slice(0, 2)).toEqual([512, 4 * 256]);
    expect(contexts[2]).toBeLessThan(64 * 256);
    expect(plan(alia, { budgetBytes: 16 * gib, sequences: 32 }).contextLength).toBeGreaterThanOrEqual(32 * 256);
  });

  test('two sequences, exact and fast, each kind of KV', () => {
    for (const [precision, kvType] of [
      ['exact', 'f32'],
      ['fast', 'q8_0'],
    ] as const) {
      const more = { precision, kvType, sequences: 12, budgetBytes: 6 * gib };
      requireSound(plan(alia, more), alia, 6 * gib);
    }
  });
});

describe('any shape', () => {
  test('every budget from all of it down to two slots is kept, and one byte less is refused', async () => {
    const random = new Random(7);
    for (let i = 0; i < 40; i++) {
      const shape = randomShape(random);
      const model = await header(randomHeader(shape));
      const whole = plan(model, { contextLength: shape.contextLength }).gpuBytes;
      const least = leastOf(model);
      const note = JSON.stringify(shape);
      requireSound(plan(model, { budgetBytes: least }), model, least, note);
      expect(() => plan(model, { budgetBytes: least - 1 }), note).toThrow(MemoryError);
      for (let j = 0; j < 12; j++) {
        const budgetBytes = least + Math.floor(((whole - least) * random.below(1000)) / 999);
        requireSound(plan(model, { budgetBytes }), model, budgetBytes, note);
      }
    }
  });

  test('two slots are the least, whose tiles and pieces are no more than can be bound and read', async () => {
    const model = await header(randomHeader({ blockCount: 8, embeddingLength: 1024, feedForwardLength: 4096 }));
    const { slotCount, tileBytes, stagingCount, stagingBytes, bytesPerPass } = plan(model, {
      budgetBytes: leastOf(model),
    });
    expect({ slotCount, stagingCount }).toEqual({ slotCount: 2, stagingCount: 2 });
    expect(tileBytes).toBeGreaterThanOrEqual(64 * 1088); // 64 rows
    expect(bytesPerPass / tileBytes).toBeLessThan(1100);
    expect(bytesPerPass / stagingBytes).toBeLessThan(4200);
  });

  test('the error says the least that works', async () => {
    const model = await header(randomHeader({ blockCount: 8, embeddingLength: 1024, feedForwardLength: 4096 }));
    const least = Math.ceil(leastOf(model) / mib);
    expect(() => plan(model, { budgetBytes: mib })).toThrow(
      `streaming all weights and a context of 512 need ${least} MiB of GPU memory, and there are 1 MiB`,
    );
    expect(plan(model, { budgetBytes: least * mib }).streamed.size).toBeGreaterThan(0);
  });

  test('embeddings that are the output too: on the GPU, or both streamed and gathered by the host', async () => {
    const shape = {
      blockCount: 12,
      embeddingLength: 512,
      feedForwardLength: 1024,
      vocabLength: 4000,
      tiedOutput: true,
    };
    const model = await header(randomHeader(shape));
    const least = leastOf(model);
    const all = plan(model, { budgetBytes: least });
    expect(all.streamed.has('token_embd.weight')).toBe(true);
    expect(all.hostEmbeddings).toBe(true);
    const some = plan(model, { budgetBytes: least + 8 * mib });
    expect(some).toMatchObject({ hostEmbeddings: false });
    expect(some.streamed.has('token_embd.weight')).toBe(false);
    expect(some.streamedLayers).toBeGreaterThan(0);
  });

  test('the chunk asked for is an upper bound, also beyond 512', async () => {
    const model = await header(randomHeader({}));
    expect(plan(model, { chunkLength: 1024 }).chunkLength).toBe(1024);
    expect(plan(model, { budgetBytes: leastOf(model) + mib, chunkLength: 3 }).chunkLength).toBe(3);
  });
});

test('layers are spread evenly: stretches between the streamed ones differ by one at most', () => {
  for (let count = 1; count <= 48; count++) {
    const streamed = [...spread(count, 48)];
    expect(streamed).toHaveLength(count);
    const stretches = streamed.slice(1).map((place, i) => place - (streamed[i] as number));
    expect(Math.max(...stretches, 0) - Math.min(...stretches, 48)).toBeLessThanOrEqual(1);
    const [first = 0, last = 0] = [streamed[0], streamed.at(-1)];
    expect(Math.abs(first - (47 - last))).toBeLessThanOrEqual(1);
  }
});

function randomShape(random: Random) {
  const headCount = random.pick([2, 4, 8]);
  return {
    blockCount: 1 + random.below(20),
    embeddingLength: headCount * random.pick([32, 64]),
    feedForwardLength: 32 * (1 + random.below(60)),
    headCount,
    headCountKv: random.pick([1, 2]),
    vocabLength: 300 + random.below(9000),
    contextLength: 8 * (1 + random.below(600)),
    tiedOutput: random.below(3) === 0,
    biases: random.below(3) === 0,
    typeName: random.pick(['Q8_0', 'F16', 'F32']),
  };
}

/** What holds of any plan, counted anew from its matrices. */
function requireSound(planned: MemoryPlan, { tensors, config }: ModelHeader, budgetBytes: number, note?: string) {
  const { streamed, hostEmbeddings, tileBytes, slotCount, stagingCount, stagingBytes, residentLayers } = planned;
  const all = [tensors.embeddings, ...tensors.matrices, ...(tensors.output ? [tensors.output] : [])];
  const layouts = (spec: MatrixSpec) => tileLayouts(spec, limits, streamed.has(spec.name) ? tileBytes : undefined);
  const isResident = ({ name }: MatrixSpec) => !streamed.has(name) && !(hostEmbeddings && name === 'token_embd.weight');
  const resident = all.filter(isResident).flatMap(layouts);
  const tiles = all.filter(({ name }) => streamed.has(name)).flatMap(layouts);
  const residentBytes = resident.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const slotBytes = Math.max(0, ...tiles.map(({ byteLength }) => byteLength)) * slotCount;
  const counted = residentBytes + slotBytes + planned.kvBytes + planned.activationBytes;
  const ringBytes = stagingCount * stagingBytes;

  expect(planned.gpuBytes, note).toBeLessThanOrEqual(budgetBytes);
  expect(planned.gpuBytes, note).toBeGreaterThanOrEqual(counted + (tiles.length > 0 ? ringBytes : 0));
  expect(planned.weightBytes, note).toBeGreaterThanOrEqual(residentBytes);
  expect(planned.hostBytes, note).toBe(ringBytes);
  expect(planned.contextLength, note).toBeGreaterThanOrEqual(Math.min(config.contextLength, 512));
  expect(Math.max(0, ...tiles.map(({ byteLength }) => byteLength)), note).toBeLessThanOrEqual(tileBytes);
  expect(tileBytes, note).toBeLessThanOrEqual(64 * mib);
  if (tiles.length > 0) expect(slotCount, note).toBeGreaterThanOrEqual(2);
  if (tiles.length > 0 && tensors.output) expect(hostEmbeddings, note).toBe(true);

  const layers = Map.groupBy(tensors.matrices, ({ name }) => name.split('.')[1]);
  const whole = [...layers.values()].filter((specs) => specs.every(isResident));
  const none = [...layers.values()].filter((specs) => !specs.some(isResident));
  expect([whole.length, none.length], note).toEqual([residentLayers, planned.streamedLayers]);
  expect(whole.length + none.length, note).toBe(config.blockCount);
}
