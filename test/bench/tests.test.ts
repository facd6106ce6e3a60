/** What benches time, and what they say of it. */
import { expect, test } from 'vitest';
import { syntheticSource } from '../../bench/synthetic_source.ts';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import { kernelTable } from '../../src/bench/kernel_table.ts';
import { timeRun } from '../../src/bench/run.ts';
import { spreadOf } from '../../src/bench/statistics.ts';
import { contextFor, parseTests, rateOf, runOf } from '../../src/bench/tests.ts';
import { openGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import type { LocalLLM } from '../../src/index.ts';

test('tests by their names', () => {
  const [pp, tg] = parseTests('pp512,tg32@4096');
  expect(pp).toEqual({ name: 'pp512', kind: 'pp', tokens: 512, depth: 0 });
  expect(tg).toEqual({ name: 'tg32@4096', kind: 'tg', tokens: 32, depth: 4096 });
  expect(contextFor([pp!, tg!])).toBe(4352);
  expect(() => parseTests('pp0')).toThrow('there is no test "pp0"; pp512, tg32 and tg32@4096 are some');
});

test('turns begin with different tokens; a depth stands for all of them', () => {
  const [pp, tg] = parseTests('pp64,tg8@16');
  const firsts = Array.from({ length: 8 }, (_, turn) => runOf(pp!, turn).prompt[0]);
  expect(new Set(firsts).size).toBe(8);
  expect(runOf(tg!, 1)).toMatchObject({ depth: runOf(tg!, 2).depth, decode: 8 });
  const small = runOf(pp!, 3, 50).prompt;
  expect(Math.max(...small)).toBeLessThan(50);
  expect(rateOf(pp!, { prefill: 100, decode: 0 })).toBe(640);
  expect(rateOf(tg!, { prefill: 100, decode: 50 })).toBe(160);
});

test('medians and ends', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 });
});

test('a run that the cache has had a part of is refused', async () => {
  const llm = {
    async *generate() {
      yield { id: 1, text: 'a' };
      return { cachedTokens: 3 };
    },
  } as unknown as LocalLLM;
  const run = { depth: [], prompt: [1, 2, 3, 4], decode: 0 };
  await expect(timeRun(llm, run)).rejects.toThrow('the cache held another part of the prompt');
  await expect(timeRun(llm, { ...run, decode: 5 })).rejects.toThrow('the model ended after 1 tokens');
});

test('a table of kernels: shares, and rates by their own costs', () => {
  const shape = { length: 512, eps: 1e-5 };
  const works = [
    { kernel: 'rms_norm', shape, count: 1 },
    { kernel: 'rms_norm', shape, count: 1 },
  ];
  const [row] = kernelTable([{ label: 'rms_norm base', milliseconds: 2, works }], 1e6);
  expect(row).toMatchObject({ label: 'rms_norm base', dispatches: 2, share: 1 });
  expect(row!.memoryFraction).toBeCloseTo(row!.bytesPerSecond / 1e6, 9);
  expect(row!.bytesPerSecond).toBeGreaterThan(1e6);
});

test('a synthetic file: the same bytes wherever a read begins, finite, and as large as it says', async () => {
  const shape = { blockCount: 3, embeddingLength: 256, headCountKv: 2, vocabLength: 4000, typeName: 'Q8_0' };
  const source = syntheticSource(shape, 'small');
  const gguf = await openGguf(source);
  for (const name of ['token_embd.weight', 'blk.2.ffn_down.weight', 'output_norm.weight']) {
    const { type, offset, byteLength } = gguf.tensors.get(name)!;
    const whole = await readBytes(source, offset, byteLength);
    const part = await readBytes(source, offset + 100, byteLength - 150);
    expect(part).toEqual(whole.subarray(100, byteLength - 50));
    expect(dequantize(type.name, whole).every(Number.isFinite), name).toBe(true);
  }
  await expect(readBytes(source, source.byteLength - 1, 2)).rejects.toThrow('small.gguf');
});
