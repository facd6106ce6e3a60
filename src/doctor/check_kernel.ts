import { type CheckResult, checkCase, otherBitsThan } from '../gpu/check.ts';
import type { Device } from '../gpu/device.ts';
import type { CheckedKernel } from '../gpu/kernel.ts';
import { Pipelines } from '../gpu/pipelines.ts';
import { usableVariants } from '../gpu/variants.ts';

/** What kernels are checked on: a device, and a new one after a variant that was the end of it. */
export class CheckSession implements Disposable {
  readonly #open: () => Promise<Device>;
  device: Device;
  pipelines: Pipelines;

  private constructor(open: () => Promise<Device>, device: Device) {
    this.#open = open;
    this.device = device;
    this.pipelines = new Pipelines(device);
  }

  static async start(open: () => Promise<Device>): Promise<CheckSession> {
    return new CheckSession(open, await open());
  }

  /** A driver that hangs resets the GPU; what comes next must not answer for it. */
  async recover(): Promise<void> {
    try {
      this.device.check();
    } catch {
      this.device.destroy();
      this.device = await this.#open();
      this.pipelines = new Pipelines(this.device);
    }
  }

  [Symbol.dispose](): void {
    this.device.destroy();
  }
}

/** Runs every case of a kernel in every variant that the device may run; those of one order must write the same bits. */
export async function* checkKernel(session: CheckSession, kernel: CheckedKernel): AsyncGenerator<CheckResult> {
  for (const testCase of kernel.checks().cases) {
    const checked: { variant: object; result: CheckResult }[] = [];
    for (const variant of usableVariants(kernel, testCase.shape, session.device)) {
      const result = await checkCase(session.device, session.pipelines, kernel, testCase, variant);
      await session.recover();
      const error = result.error ?? otherBitsThan(kernel, variant, result, checked);
      checked.push({ variant, result });
      yield error === undefined ? result : { ...result, ok: false, error };
    }
  }
}
