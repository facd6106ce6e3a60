/** What `webgguf doctor` does, in the page: every kernel's cases on this GPU, then the built-in model. */
import { kernels } from '../../kernels/index.ts';
import golden from '../../models/pocket.golden.json' with { type: 'json' };
import { CheckSession, checkKernel } from '../../src/doctor/check_kernel.ts';
import { checkModel } from '../../src/doctor/check_model.ts';
import type { Golden } from '../../src/doctor/golden.ts';
import { brokenVariants } from '../../src/doctor/variants.ts';
import type { CheckResult } from '../../src/gpu/check.ts';
import { load, openBrowserDevice } from '../../src/runtime/browser.ts';
import type { HomeDeviceOptions } from '../../src/runtime/home.ts';

/** One kernel, or the built-in model in one precision. */
export interface SelfTestLine {
  readonly name: string;
  readonly right: number;
  readonly total: number;
  readonly failures: readonly string[];
}

export async function* selfTest(
  pocket: Uint8Array<ArrayBuffer>,
  { signal, deviceOptions }: { signal: AbortSignal; deviceOptions: HomeDeviceOptions },
): AsyncGenerator<SelfTestLine> {
  using session = await CheckSession.start(() => openBrowserDevice(deviceOptions));
  const all: CheckResult[] = [];
  for (const kernel of kernels) {
    const results: CheckResult[] = [];
    for await (const result of checkKernel(session, kernel)) {
      signal.throwIfAborted();
      results.push(result);
    }
    all.push(...results);
    yield kernelLine(kernel.name, results);
  }
  const without = [...(deviceOptions.without ?? []), ...brokenVariants(all)];
  const options = { deviceOptions: { ...deviceOptions, without } };
  for await (const { precision, ok, error } of checkModel(load, pocket, golden as unknown as Golden, options)) {
    signal.throwIfAborted();
    yield { name: `Pocket, ${precision}`, right: ok ? 1 : 0, total: 1, failures: error ? [error] : [] };
  }
}

function kernelLine(name: string, results: readonly CheckResult[]): SelfTestLine {
  const failed = results.filter(({ ok }) => !ok);
  return {
    name,
    right: results.length - failed.length,
    total: results.length,
    failures: failed.map((result) => `${result.case} [${result.variant}]: ${result.error?.split('\n')[0]}`),
  };
}
