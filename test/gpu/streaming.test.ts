/** Models larger than their budget: the same numbers as resident ones, and what happens when tiles do not come. */
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { openHttp } from '../../src/gguf/http.ts';
import type { LLM, LoadOptions, MemoryError } from '../../src/index.ts';
import { load, type Source } from '../../src/runtime/node.ts';
import { loseDevice, watchDevices } from '../conformance/lose_device.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';
import { sendRange, serve } from '../gguf/test_server.ts';
import { writeModel } from '../homes/model_file.ts';
import { adapterName } from './adapter.ts';
import { watched } from './watched_buffers.ts';

watchDevices();
const prompt = Array.from({ length: 40 }, (_, i) => ((i * 7) % 90) + 10);
const shape = { embeddingLength: 256, feedForwardLength: 768, blockCount: 5, vocabLength: 1000 };
const common = { contextLength: 512, chunkLength: 16 } satisfies LoadOptions;

/** The smallest budget that a model runs with. */
async function leastBytes(source: Source, options: LoadOptions): Promise<number> {
  const refusal = await load(source, { ...options, gpuMemoryBytes: 1 }).catch((error) => error);
  return (refusal as MemoryError).leastBytes as number;
}

const greedy = async (llm: LLM, signal?: AbortSignal) => {
  const ids: number[] = [];
  const options = { temperature: 0, maxTokens: 6, ...(signal && { signal }) };
  for await (const { id } of llm.generate(prompt, options)) ids.push(id);
  return ids;
};

const bitsOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

const random = () => writeModel(shape);
const tied = () => writeModel({ ...shape, tiedOutput: true });
const aliaShape = async () => ({
  path: sharedData('models/alia-shape-2l-q8_0.gguf'),
  async [Symbol.asyncDispose]() {},
});

/** Elsewhere drivers compile for minutes: one case tells. */
const isQuick = adapterName === 'lavapipe';
const onQuick = <T>(...cases: T[]): T[] => (isQuick ? cases : []);

describe('logits are bit-equal, whatever is resident', () => {
  test
    .runIf(isQuick)
    .each([
      ['a random model', 'exact', random],
      ['a random model', 'fast', random],
      ['one whose embeddings are its output', 'fast', tied],
      ...(hasSharedData ? [['two layers in the shape of ALIA', 'fast', aliaShape] as const] : []),
    ] as const)('%s, %s', async (_, precision, open) => {
    await using model = await open();
    const options = { ...common, precision };
    const run = async (gpuMemoryBytes?: number) => {
      await using llm = await load(model.path, { ...options, ...(gpuMemoryBytes && { gpuMemoryBytes }) });
      return { info: llm.info, logits: await llm.logits(prompt), ids: await greedy(llm) };
    };
    const whole = await run();
    const least = await leastBytes(model.path, options);
    const streamedLayers: number[] = [];
    for (const share of [0, 0.3, 0.7]) {
      const budget = least + share * whole.info.weightBytes;
      const { info, logits, ids } = await run(budget);
      streamedLayers.push(info.streamedLayers);
      expect(bitsOf(logits).equals(bitsOf(whole.logits)), `${budget} bytes`).toBe(true);
      expect(ids).toEqual(whole.ids);
    }
    expect(streamedLayers[0]).toBe(whole.info.residentLayers);
  });

  test.each([
    ['blocks', 'fast', 'a random model', random],
    ...onQuick(
      ['planes', 'fast', 'a random model', random] as const,
      ['blocks', 'exact', 'a random model', random] as const,
      ['blocks', 'fast', 'one whose embeddings are its output', tied] as const,
    ),
  ] as const)('streamed as %s, %s: %s', async (streamedForm, precision, _, open) => {
    await using model = await open();
    const options = { ...common, precision };
    await using whole = await load(model.path, options);
    const gpuMemoryBytes = await leastBytes(model.path, options);
    await using llm = await load(model.path, { ...options, gpuMemoryBytes, streamedForm });
    expect(llm.info.streamedLayers).toBe(shape.blockCount);
    expect(bitsOf(await llm.logits(prompt)).equals(bitsOf(await whole.logits(prompt)))).toBe(true);
    expect(await greedy(llm)).toEqual(await greedy(whole));
  });
});

test.runIf(isQuick)('guesses are verified in streamed passes, and several sequences share one', async () => {
  await using model = await writeModel(shape);
  const logitBias = new Map([[20, 100]]); // it repeats itself
  const say = async (llm: LLM, tokens: number[], speculation: 'always' | 'off') => {
    const generated = llm.generate(tokens, { temperature: 0, maxTokens: 12, speculation, logitBias });
    const ids: number[] = [];
    let step = await generated.next();
    for (; !step.done; step = await generated.next()) ids.push(step.value.id);
    return { ids, stats: step.value };
  };
  await using whole = await load(model.path, common);
  const expected = await Promise.all([prompt, prompt.slice(9)].map((tokens) => say(whole, tokens, 'off')));
  const gpuMemoryBytes = await leastBytes(model.path, { ...common, sequences: 2 });
  await using llm = await load(model.path, { ...common, sequences: 2, gpuMemoryBytes });
  const got = await Promise.all([prompt, prompt.slice(9)].map((tokens) => say(llm, tokens, 'always')));
  expect(got.map(({ ids }) => ids)).toEqual(expected.map(({ ids }) => ids));
  const [{ stats }] = got as [(typeof got)[0]];
  expect(stats.tokensPerPass).toBeGreaterThan(1.8);
  expect(stats.streaming).toMatchObject({ residentLayers: 0, streamedLayers: shape.blockCount });
});

/** A model of which nothing is resident, and what it says. */
async function streamed(source: Source, options: LoadOptions = {}) {
  const gpuMemoryBytes = await leastBytes(source, common);
  const llm = await load(source, { ...common, gpuMemoryBytes, ...options });
  return { llm, expected: await greedy(llm) };
}

// One adapter is enough: this is about what the host does
describe.runIf(isQuick)('what goes wrong while tiles come', () => {
  afterEach(() => {
    watched.limitBytes = Number.POSITIVE_INFINITY;
  });

  test('a file that is cut is one clear error; mended, it goes on', async () => {
    await using model = await writeModel(shape);
    const bytes = await readFile(model.path);
    const { llm, expected } = await streamed(model.path);
    await using _ = llm;
    const running = llm.generate(prompt, { temperature: 0, maxTokens: 40 });
    await running.next();
    await truncate(model.path, bytes.length / 2);
    const rest = async () => {
      for await (const _ of running);
    };
    await expect(rest()).rejects.toThrow(/model\.gguf: ends at byte \d+; it was cut while it was read/);
    await expect(greedy(llm)).rejects.toThrow('it was cut');
    await writeFile(model.path, bytes);
    expect(await greedy(llm)).toEqual(expected);
  });

  test('a server with troubles: those that pass, those that do not, and a file that changes', async () => {
    await using model = await writeModel(shape);
    const bytes = await readFile(model.path);
    let trouble: 'none' | 'some' | 'all' = 'none';
    let etag = '"1"';
    await using server = await serve((request, response) => {
      const count = server.requests.length;
      if (trouble === 'all' || (trouble === 'some' && count % 4 === 0)) return void response.writeHead(500).end();
      if (trouble === 'some' && count % 7 === 0) return; // no answer
      if (trouble === 'some' && count % 9 === 0) return void request.socket.destroy();
      sendRange(request, response, bytes, etag);
    });
    const open = () => openHttp(`${server.url}/model.gguf`, { retryMs: 1, stallMs: 200 });
    const gpuMemoryBytes = await leastBytes(model.path, common);
    await using llm = await load(await open(), { ...common, gpuMemoryBytes });
    const expected = await greedy(llm);
    trouble = 'some';
    expect(await greedy(llm)).toEqual(expected);
    trouble = 'all';
    await expect(greedy(llm)).rejects.toThrow(
      /model\.gguf: can't be fetched \(the server answers 500\), tried 8 times/,
    );
    trouble = 'none';
    expect(await greedy(llm)).toEqual(expected);
    etag = '"2"';
    await expect(greedy(llm)).rejects.toThrow('the file on the server has changed since it was opened; open it again');
  });

  test('a server that ignores Range: the file is fetched once, and streams from memory', async () => {
    await using model = await writeModel(shape);
    const bytes = await readFile(model.path);
    const { llm, expected } = await streamed(model.path);
    await llm[Symbol.asyncDispose]();
    await using server = await serve((_, response) => response.end(bytes));
    const gpuMemoryBytes = await leastBytes(model.path, common);
    await using remote = await load(`${server.url}/model.gguf`, { ...common, gpuMemoryBytes });
    expect(await greedy(remote)).toEqual(expected);
    expect(server.requests).toHaveLength(1);
  });

  test('with less memory than was thought, less is resident', async () => {
    await using model = await writeModel(shape);
    await using whole = await load(model.path, common);
    const [expected, { residentLayers }] = [await greedy(whole), whole.info];
    watched.limitBytes = watched.bytes + 0.6 * whole.info.weightBytes;
    await using llm = await load(model.path, common);
    expect(llm.info.residentLayers).toBeLessThan(residentLayers);
    expect(await greedy(llm)).toEqual(expected);
  });

  test('memory that runs out in mid-answer takes weights away from the GPU', async () => {
    await using model = await writeModel({ ...shape, headCountKv: 4 });
    const warnings: string[] = [];
    const options = {
      ...common,
      chunkLength: 256,
      contextLength: 2048,
      onWarning: (text: string) => warnings.push(text),
    };
    await using llm = await load(model.path, options);
    const long = Array.from({ length: 1200 }, (_, i) => (i * 11) % 900);
    const last = async () => {
      const ids: number[] = [];
      for await (const { id } of llm.generate(long, { temperature: 0, maxTokens: 3 })) ids.push(id);
      return ids;
    };
    watched.limitBytes = watched.bytes + 2 ** 16; // the cache is to grow by more
    const under = await last();
    expect(warnings).toContain('GPU memory has run out; the model is loaded again, with less of it resident');
    watched.limitBytes = Number.POSITIVE_INFINITY;
    await using other = await load(model.path, { ...common, chunkLength: 256, contextLength: 2048 });
    const ids: number[] = [];
    for await (const { id } of other.generate(long, { temperature: 0, maxTokens: 3 })) ids.push(id);
    expect(under).toEqual(ids);
  });

  test('an abort at any moment leaves the pass, frees nothing that is in use, and the next request is right', async () => {
    await using model = await writeModel(shape);
    const before = watched.bytes;
    {
      const { llm, expected } = await streamed(model.path);
      await using _ = llm;
      for (let ms = 0; ms < 60; ms += 7) {
        const abort = new AbortController();
        setTimeout(() => abort.abort(), ms);
        const ids = await greedy(llm, abort.signal);
        expect(expected.slice(0, ids.length)).toEqual(ids);
        if (ms % 3 === 0) expect(await greedy(llm)).toEqual(expected);
      }
    }
    expect(watched.bytes).toBe(before);
  });

  test('a load that is given up frees everything', async () => {
    await using model = await writeModel(shape);
    const before = watched.bytes;
    const gpuMemoryBytes = (await leastBytes(model.path, common)) + 2 ** 21;
    for (const doneBytes of [1, 500_000]) {
      const abort = new AbortController();
      const loading = load(model.path, {
        ...common,
        gpuMemoryBytes,
        signal: abort.signal,
        onProgress: (progress) => progress.doneBytes >= doneBytes && abort.abort(),
      });
      await expect(loading).rejects.toThrow('aborted');
    }
    expect(watched.bytes).toBe(before);
  });

  test('a device that is lost between layers is opened anew, and the answer goes on', async () => {
    await using model = await writeModel(shape);
    const { llm, expected } = await streamed(model.path);
    await using _ = llm;
    const ids: number[] = [];
    for await (const { id } of llm.generate(prompt, { temperature: 0, maxTokens: 6 })) {
      ids.push(id);
      if (ids.length === 2) setTimeout(loseDevice, 5);
    }
    expect(ids).toEqual(expected);
  });

  test('host memory keeps what was read: a second pass reads no file', async () => {
    await using model = await writeModel(shape);
    const bytes = await readFile(model.path);
    let reads = 0;
    const source = {
      name: 'counted',
      byteLength: bytes.length,
      async read(offset: number, target: Uint8Array) {
        if (target.length > 10_000) reads++;
        target.set(bytes.subarray(offset, offset + target.length));
      },
      async close() {},
    };
    const gpuMemoryBytes = await leastBytes(source, common);
    await using llm = await load(source, { ...common, gpuMemoryBytes, hostMemoryBytes: 2 ** 30 });
    const expected = await greedy(llm);
    const readBefore = reads;
    expect(await greedy(llm)).toEqual(expected);
    expect(reads).toBe(readBefore);
    expect(readBefore).toBeGreaterThan(10);
  });
});
