/** The built-in model on each adapter; the kernels' own checks are kernels.test.ts. */
import { expect, test } from 'vitest';
import { checkModel } from '../../src/doctor/check_model.ts';
import { load } from '../../src/runtime/node.ts';
import { readPocket } from '../doctor/pocket.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const { bytes, golden } = await readPocket();
const device = await openTestDevice();
const loadHere: typeof load = (source, { deviceOptions: _, ...options } = {}) => load(source, { ...options, device });

test(`${adapterName}: logits and answer are those that were recorded, exact and fast`, async () => {
  const options = adapterName === 'lavapipe' ? {} : { maxTokens: 4 };
  const checks = await Array.fromAsync(checkModel(loadHere, bytes, golden, options));
  expect(checks.map(({ error }) => error)).toEqual([undefined, undefined]);
  expect(checks.map(({ precision, ok }) => [precision, ok])).toEqual([
    ['exact', true],
    ['fast', true],
  ]);
  for (const { tokens } of checks) expect(tokens).toBeGreaterThanOrEqual(4);
});

// What follows is about the comparison: one adapter is enough
test.runIf(adapterName === 'lavapipe').each([
  ['a logit', { rows: golden.exact.rows.map((row) => ({ ...row, best: row.best.map(([id, x]) => [id, x * 1.01]) })) }],
  ['what the logits are beside the best', { rows: golden.exact.rows.map((row) => ({ ...row, rms: row.rms * 1.02 })) }],
  ['a token', { tokens: [...golden.exact.tokens.slice(0, -1), 7] }],
  ['the text', { text: `${golden.exact.text} ` }],
  ['the end', { tokens: golden.exact.tokens.slice(0, -1), stopReason: 'eos' }],
])('%s other than recorded is seen', async (_, changed) => {
  const other = { ...golden, exact: { ...golden.exact, ...changed } } as typeof golden;
  for await (const check of checkModel(loadHere, bytes, other)) {
    expect(check.ok).toBe(check.precision === 'fast');
    break; // the other class takes as long
  }
});

test('another model than the recorded one is refused', async () => {
  const other = bytes.slice();
  other[other.length - 1]! ^= 1;
  await expect(Array.fromAsync(checkModel(loadHere, other, golden))).rejects.toThrow(
    /is another than .* recorded with/,
  );
});
