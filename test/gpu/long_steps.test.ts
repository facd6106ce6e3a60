/** Steps that take the GPU long: they go in parts, to the same result, and may be left between two of them. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Model } from '../../src/decoding/model.ts';
import { Pace } from '../../src/gpu/pace.ts';
import { AbandonedError } from '../../src/gpu/plan.ts';
import { readHeader } from '../../src/models/load.ts';
import { fixtures, randomGguf } from '../fixtures/random_gguf.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
const prefill = Array.from({ length: 70 }, (_, i) => {
  return { id: (i * 37 + 11) % 331, position: i, sequence: 0, wantsLogits: i === 69 };
});

afterEach(() => {
  vi.restoreAllMocks();
});

// One adapter is enough: this is about the host
describe.runIf(adapterName === 'lavapipe')('a step whose every dispatch is thought to take a second', () => {
  test('goes in as many parts, to the same logits, and is left between two where nobody wants it', async () => {
    const model = await Model.load(readHeader(await randomGguf(fixtures.alia)), device, undefined, {});
    try {
      const submit = vi.spyOn(device.gpu.queue, 'submit');
      const { rows } = await model.read({ prefill, reads: 'logits' });
      const atOnce = submit.mock.calls.length;

      vi.spyOn(Pace.prototype, 'estimate').mockReturnValue(1000);
      submit.mockClear();
      expect((await model.read({ prefill, reads: 'logits' })).rows).toEqual(rows);
      const inParts = submit.mock.calls.length;
      expect(inParts).toBeGreaterThan(atOnce + 20);

      submit.mockClear();
      const isWanted = () => submit.mock.calls.length < 5;
      await expect(model.submit({ prefill, isWanted })).rejects.toThrow(AbandonedError);
      expect(submit.mock.calls.length).toBeLessThan(10);
      expect((await model.read({ prefill, reads: 'logits' })).rows).toEqual(rows);
    } finally {
      await model.destroy();
    }
  });
});
