/** A prompt of 16,000 tokens: its memory is what was planned for it, and does not grow with it. */
import { expect, test } from 'vitest';
import { load } from '../../src/runtime/node.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { openTestDevice } from '../gpu/adapter.ts';

const mebibyte = 2 ** 20;
const prompt = (length: number, seed: number) => Array.from({ length }, (_, i) => (i * 37 + seed) % 331);

test('16,000 tokens', async () => {
  const device = await openTestDevice();
  const model = await randomGgufBytes({ ...fixtures.alia, contextLength: 16_384 });
  await using llm = await load(model, { device, contextLength: 16_384, tune: 'off' });
  const residents: number[] = [];
  const done: number[] = [];
  const run = async (tokens: number[]) => {
    const onProgress = ({ doneTokens }: { doneTokens: number }) => {
      residents.push(process.memoryUsage.rss());
      done.push(doneTokens);
    };
    return await Array.fromAsync(llm.generate(tokens, { maxTokens: 1, temperature: 0, onProgress }), ({ id }) => id);
  };
  await run(prompt(2500, 5)); // compiles, and fills a chunk's buffers
  const before = process.memoryUsage.rss();
  residents.length = 0;
  done.length = 0;

  expect(await run(prompt(16_000, 11))).toHaveLength(1);
  expect(done.at(-1)).toBe(16_000);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(done.length).toBeGreaterThan(7); // chunks of 2,048 at most
  // keys and values of 16,384 positions, which a driver may not touch before they are written, and what V8 does as it likes
  expect((Math.max(...residents) - before - llm.info.kvBytes) / mebibyte).toBeLessThan(64);
});
