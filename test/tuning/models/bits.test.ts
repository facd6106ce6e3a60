/** Results do not depend on what tuning picks: the same bits untuned and thoroughly tuned, resident and streamed. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { LoadOptions, MemoryError } from '../../../src/index.ts';
import { load } from '../../../src/runtime/node.ts';
import { randomGgufBytes } from '../../fixtures/random_gguf.ts';
import { openTestDevice } from '../../gpu/adapter.ts';

const tokens = Array.from({ length: 40 }, (_, i) => ((i * 7) % 90) + 10);
const models = {
  even: { embeddingLength: 256, feedForwardLength: 768, blockCount: 3, vocabLength: 1000 },
  /** No row ends where its memory does: what is behind it must stay zero. */
  odd: { embeddingLength: 72, feedForwardLength: 100, headCount: 6, headCountKv: 2, blockCount: 2, vocabLength: 331 },
};
const folder = await mkdtemp(join(tmpdir(), 'webgguf-tuning-'));
afterAll(() => rm(folder, { recursive: true }));

async function answer(model: Uint8Array<ArrayBuffer>, options: LoadOptions) {
  const device = await openTestDevice();
  await using llm = await load(model, { device, contextLength: 512, ...options });
  const generated = await Array.fromAsync(llm.generate(tokens, { temperature: 0, maxTokens: 8 }), ({ id }) => id);
  return { findings: device.findings, results: { logits: await llm.logits(tokens), generated } };
}

test.each([
  ['even', 'fast', 'resident'],
  ['even', 'exact', 'resident'],
  ['even', 'fast', 'streamed'],
  ['odd', 'exact', 'resident'],
] as const)('%s rows, %s, %s', async (name, precision, where) => {
  const model = await randomGgufBytes(models[name]);
  vi.stubEnv('WEBGGUF_CACHE', join(folder, `${name} ${precision} ${where}`));
  const refused = await load(model, { precision, contextLength: 512, gpuMemoryBytes: 1 }).catch((error) => error);
  const gpuMemoryBytes = (refused as MemoryError).leastBytes as number;
  const options: LoadOptions = { precision, ...(where === 'streamed' && { gpuMemoryBytes }) };

  const untuned = await answer(model, { ...options, tune: 'off' });
  const full = await answer(model, { ...options, tune: 'full' });
  const cached = await answer(model, options);
  expect(untuned.findings.races.size).toBe(0);
  expect(full.findings.dropped).toEqual(new Map());
  expect(full.findings.races.size).toBeGreaterThan(5);
  expect(cached.findings).toEqual(full.findings);
  expect(full.results).toEqual(untuned.results);
  expect(cached.results).toEqual(untuned.results);
  expect(await readdir(join(folder, `${name} ${precision} ${where}`))).toHaveLength(1);
});
