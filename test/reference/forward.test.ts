import { describe, expect, test } from 'vitest';
import { f16ToF32, f32ToF16 } from '../../kernels/quants/floats.ts';
import { closeGguf, openGguf } from '../../src/gguf/open.ts';
import { openFile } from '../../src/runtime/node_file.ts';
import { hasSharedData, readExpected, sharedData } from '../fixtures/shared_data.ts';
import { argmax, compareLogits } from './compare.ts';
import { type ReferenceOptions, ReferenceSequence } from './forward.ts';
import { roundHalfAway } from './matrix.ts';
import { type ReferenceModel, readReferenceModel } from './model.ts';

describe.skipIf(!hasSharedData)('against llama.cpp', () => {
  // Tolerances are llama.cpp's own f32 rounding; for F16 and mixed files it also rounds activations.
  test.each([
    ['stories260K-f32', 'bos', 2e-5],
    ['stories260K-f32', 'once', 2e-5],
    ['stories260K-untied-ff192-q8_0-dequant-f32', 'bos', 2e-5],
    ['stories260K-untied-ff192-q8_0-dequant-f32', 'once', 2e-5],
    ['stories260K-f16', 'bos', 0.03],
    ['stories260K-f16', 'once', 0.03],
    ['stories260K-q8_0-ffndownf16', 'once', 0.3],
  ])('%s %s', async (name, prompt, tolerance) => {
    const expected = await readExpected(`${name}.${prompt}`);
    const logits = new ReferenceSequence(await readModel(`${name}.gguf`)).forward(expected.tokens);
    expect(compareLogits(logits, expected.logits).largest).toBeLessThan(tolerance);
    for (const [i, token] of expected.generatedTokens.entries()) {
      const best = argmax(logits[expected.promptTokens.length - 1 + i]!);
      if (expected.top1MinusTop2[i]! > 2 * tolerance) expect(best).toBe(token);
    }
  });

  test('the Q8_0 file is its dequantised F32 file', async () => {
    const expected = await readExpected('stories260K-untied-ff192-q8_0-dequant-f32.once');
    const model = await readModel('stories260K-untied-ff192-q8_0.gguf');
    const logits = new ReferenceSequence(model).forward(expected.tokens);
    expect(compareLogits(logits, expected.logits).largest).toBeLessThan(2e-5);
  });

  test('1,600 tokens of the ALIA shape: head size 128, 8 heads to 1, rope_freqs', { timeout: 300_000 }, async () => {
    const expected = await readExpected('alia-shape-2l-dequant-f32.long');
    const rows = new Set(expected.rows);
    const sequence = new ReferenceSequence(await readModel('alia-shape-2l-q8_0.gguf'));
    const logits = sequence.forward(expected.tokens, (index) => rows.has(index));
    expect(compareLogits(logits, expected.logits).largest).toBeLessThan(3e-4);
  });

  test("int8 activations in llama.cpp's rounding give its Q8_0 rows", async () => {
    const expected = await readExpected('stories260K-untied-ff192-q8_0.once');
    const roundScale = (scale: number) => f16ToF32(f32ToF16(scale));
    const options = { quantizedActivations: true, activationRounding: { round: roundHalfAway, roundScale } };
    const model = await readModel('stories260K-untied-ff192-q8_0.gguf');
    const logits = new ReferenceSequence(model, options).forward(expected.tokens);
    const perRow = logits.map((row, i) => compareLogits([row], [expected.logits[i]!]).largest).sort((a, b) => a - b);
    // One activation on the other side of a half (llama.cpp's sums are f32) moves all later rows by up to 0.4.
    expect(perRow[perRow.length >> 1]).toBeLessThan(2e-5);
  });

  test.each<[string, ReferenceOptions]>([
    ['to even', { quantizedActivations: true }],
    ['half away', { quantizedActivations: true, activationRounding: { round: roundHalfAway } }],
    ['to even, f16 KV', { quantizedActivations: true, f16Kv: true }],
  ])('int8 activations (%s) stay near the dequantised rows', async (_, options) => {
    const expected = await readExpected('stories260K-untied-ff192-q8_0-dequant-f32.bos');
    const model = await readModel('stories260K-untied-ff192-q8_0.gguf');
    const { largest, nmse } = compareLogits(
      new ReferenceSequence(model, options).forward(expected.tokens),
      expected.logits,
    );
    expect(nmse).toBeLessThan(2e-4);
    expect(largest).toBeGreaterThan(1e-3); // else nothing was quantised
  });
});

async function readModel(fileName: string): Promise<ReferenceModel> {
  const gguf = await openGguf(await openFile(sharedData(`models/${fileName}`)));
  try {
    return await readReferenceModel(gguf);
  } finally {
    await closeGguf(gguf);
  }
}
