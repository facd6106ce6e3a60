/** Every case of every kernel, in every variant of the adapter, against its float64 reference. */
import { describe, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { type CheckResult, checkCase, otherBitsThan } from '../../src/gpu/check.ts';
import { Pipelines, describe as words } from '../../src/gpu/pipelines.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
const pipelines = new Pipelines(device);

for (const kernel of kernels) {
  describe(`${adapterName} ${kernel.name}`, () => {
    for (const testCase of kernel.checks().cases) {
      const checked: { variant: object; result: CheckResult }[] = [];
      for (const variant of kernel.variants(testCase.shape, device.features)) {
        test(`${testCase.id} [${words(variant) || 'base'}]`, async () => {
          const result = await checkCase(device, pipelines, kernel, testCase, variant);
          expect(result.error).toBeUndefined();
          expect(result.ok).toBe(true);
          expect(otherBitsThan(kernel, variant, result, checked)).toBeUndefined();
          checked.push({ variant, result });
        });
      }
    }
  });
}
