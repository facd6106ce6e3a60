/** The public object: turns, and an end that nobody holds up. */
import { describe, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { openGguf } from '../../src/gguf/open.ts';
import { type LLM, loadIn } from '../../src/index.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
const runtime = {
  openGguf: (bytes: Uint8Array) => openGguf(bytesSource(bytes, 'random.gguf')),
  openDevice: async () => device,
  memoryBudget: () => undefined,
};
const load = async () => loadIn(runtime, await randomGgufBytes(fixtures.alia), { device, contextLength: 256 });
const ids = async (llm: LLM) => Array.fromAsync(llm.generate([1, 20, 30], greedy), ({ id }) => id);
const greedy = { temperature: 0, maxTokens: 12 };

// One adapter is enough: this is about promises, not about numbers
describe.runIf(adapterName === 'lavapipe')('LLM', () => {
  test('calls take turns: two at once give what each gives alone', async () => {
    await using llm = await load();
    const alone = await ids(llm);
    expect(await Promise.all([ids(llm), ids(llm)])).toEqual([alone, alone]);
  });

  test('a consumer that stops early makes way for the next', async () => {
    await using llm = await load();
    for await (const _ of llm.generate([1, 20, 30], greedy)) break;
    expect(await ids(llm)).toHaveLength(12);
  });

  test('a step’s time by kernel: each of its dispatches once, and answers stay as they were', async () => {
    await using llm = await load();
    const before = await ids(llm);
    const times = await llm.profile();
    expect(times.reduce((sum, { works }) => sum + works.length, 0)).toBe(llm.dispatchesPerToken);
    for (const { label, milliseconds, works } of times) {
      expect(milliseconds, label).toBeGreaterThan(0);
      const { cost } = kernels.find(({ name }) => name === works[0]!.kernel)!.checks();
      for (const { shape, count } of works) expect(cost(shape, count).bytes, label).toBeGreaterThan(0);
    }
    expect(await ids(llm)).toEqual(before);
  });

  test('closing does not wait for a generator that nobody finishes, and refuses what comes later', async () => {
    const llm = await load();
    const unfinished = llm.generate([1, 20, 30], greedy);
    await unfinished.next();
    await llm[Symbol.asyncDispose]();
    await expect(unfinished.next()).rejects.toThrow('the model is closed');
    await expect(ids(llm)).rejects.toThrow('the model is closed');
  });

  test('a device of WebGPU’s own does, and stays the caller’s', async () => {
    const { gpu } = await openTestDevice();
    const bytes = await randomGgufBytes(fixtures.alia);
    const own = await loadIn(runtime, bytes, { device: gpu, contextLength: 256 });
    await using usual = await load();
    expect(await ids(own)).toEqual(await ids(usual));
    await own[Symbol.asyncDispose]();
    await gpu.queue.onSubmittedWorkDone(); // still open
    const lost = await loadIn(runtime, bytes, { device: gpu, contextLength: 256 });
    gpu.destroy();
    await expect(ids(lost)).rejects.toThrow(/the GPU device was lost/);
  });
});
