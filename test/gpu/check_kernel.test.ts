/** A variant that takes the device with it answers for itself alone. */
import { describe, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { CheckSession, checkKernel } from '../../src/doctor/check_kernel.ts';
import type { CheckedKernel } from '../../src/gpu/kernel.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const rope = kernels.find(({ name }) => name === 'rope')!;

describe.runIf(adapterName === 'lavapipe')('a device that is lost in a case', () => {
  test('that case fails, and the next runs on a new device', async () => {
    using session = await CheckSession.start(openTestDevice);
    const { device } = session;
    const [first, second, third] = rope.checks().cases;
    const deadly = {
      ...second!,
      trial() {
        device.destroy();
        return second!.trial();
      },
    };
    const kernel: CheckedKernel = { ...rope, checks: () => ({ ...rope.checks(), cases: [first!, deadly, third!] }) };
    const results = await Array.fromAsync(checkKernel(session, kernel));
    expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(results[1]!.error).toMatch(/lost/);
    expect(session.device).not.toBe(device);
  });
});
