/** Prefill by the kernels that GPUs run: the same bits in chunks of any length, and the numbers of those that CPU drivers run. */
import { expect, test } from 'vitest';
import { variantNames } from '../../src/doctor/variants.ts';
import { load } from '../../src/runtime/node.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { openTestDevice } from '../gpu/adapter.ts';

const tokens = Array.from({ length: 150 }, (_, i) => (i * 37 + 11) % 331);
const onCpu = variantNames().filter((name) => name.includes('by=broadcast'));

/** Of every token, one after the other. */
async function logits(
  model: Uint8Array<ArrayBuffer>,
  precision: 'exact' | 'fast',
  chunkLength: number,
  without: string[],
) {
  const device = await openTestDevice({ without });
  await using llm = await load(model, { device, precision, chunkLength, contextLength: 256, tune: 'off' });
  return await llm.logits(tokens);
}

test.each(['exact', 'fast'] as const)('%s', async (precision) => {
  const model = await randomGgufBytes(fixtures.alia);
  const whole = await logits(model, precision, 512, onCpu);
  expect(await logits(model, precision, 37, onCpu)).toEqual(whole);
  const others = await logits(model, precision, 512, []);
  expect(others).not.toEqual(whole); // they sum in another order
  const error = whole.reduce((sum, value, i) => sum + (value - others[i]!) ** 2, 0);
  expect(error / whole.reduce((sum, value) => sum + value ** 2, 0)).toBeLessThan(precision === 'exact' ? 1e-9 : 1e-4);
});
