/** The built-in model on each adapter; the kernels' own checks are kernels.test.ts. */
import { expect, test } from 'vitest';
import { checkModel } from '../../src/doctor/check_model.ts';
import { load } from '../../src/runtime/node.ts';
import { readPocket } from '../doctor/pocket.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const { bytes, golden } = await readPocket();
const device = await openTestDevice();
const loadHere: typeof load = (source, { deviceOptions: _, ...options } = {}) => load(source, { ...options, device });

// SwiftShader compiles slowly; Chromium's has the other precision
const precisions = adapterName === 'lavapipe' ? (['exact', 'fast'] as const) : (['exact'] as const);

test.each(precisions)(`${adapterName} %s: logits and answer are those that were recorded`, async (precision) => {
  const [check] = await Array.fromAsync(checkModel(loadHere, bytes, golden, { precisions: [precision] }));
  expect(check!.error).toBeUndefined();
  expect(check).toMatchObject({ precision, ok: true, tokens: golden[precision].tokens.length });
  expect(check!.nmse).toBeGreaterThan(0);
});

// What follows is about the comparison: one adapter is enough
test.runIf(adapterName === 'lavapipe').each([
  ['a logit', { rows: golden.exact.rows.map((row) => ({ ...row, logits: row.logits.map((x) => x * 1.01) })) }],
  ['what the logits are beside the best', { rows: golden.exact.rows.map((row) => ({ ...row, rms: row.rms * 1.02 })) }],
  ['a token', { tokens: [...golden.exact.tokens.slice(0, -1), 7] }],
  ['the text', { text: `${golden.exact.text} ` }],
  ['the end', { tokens: golden.exact.tokens.slice(0, -1), stopReason: 'eos' }],
])('%s other than recorded is seen', async (_, changed) => {
  const other = { ...golden, exact: { ...golden.exact, ...changed } } as typeof golden;
  const [check] = await Array.fromAsync(checkModel(loadHere, bytes, other, { precisions: ['exact'] }));
  expect(check!.ok).toBe(false);
});

test('another model than the recorded one is refused', async () => {
  const other = bytes.slice();
  other[other.length - 1]! ^= 1;
  await expect(Array.fromAsync(checkModel(loadHere, other, golden))).rejects.toThrow(
    /is another than .* recorded with/,
  );
});
