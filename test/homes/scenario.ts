/** What every home must do alike; runs in each of them. */
import { kernels } from '../../kernels/index.ts';
import { CheckSession, checkKernel } from '../../src/doctor/check_kernel.ts';
import { checkModel, type Load } from '../../src/doctor/check_model.ts';
import type { Golden } from '../../src/doctor/golden.ts';
import { type ByteSource, readBytes } from '../../src/gguf/source.ts';
import type { CheckResult } from '../../src/gpu/check.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { TextStore } from '../../src/gpu/findings_cache.ts';
import type { Precision } from '../../src/index.ts';

/** What a home tells of its kernels, as JSON. */
export interface KernelReport {
  /** Their names, each with at least one case. */
  readonly kernels: readonly string[];
  readonly caseCount: number;
  /** A line each. */
  readonly failures: readonly string[];
}

/** Every case of every kernel, or the first few, in every variant that the device has, as `doctor` checks them. */
export async function checkKernels(open: () => Promise<Device>, caseCount?: number): Promise<KernelReport> {
  using session = await CheckSession.start(open);
  const results: CheckResult[] = [];
  for (const kernel of kernels) {
    const checks = kernel.checks();
    const some = { ...kernel, checks: () => ({ ...checks, cases: checks.cases.slice(0, caseCount) }) };
    for await (const result of checkKernel(session, some)) results.push(result);
  }
  const failed = results.filter(({ ok }) => !ok);
  return {
    kernels: [...new Set(results.map(({ name }) => name))],
    caseCount: results.length,
    failures: failed.map((r) => `${r.name} ${r.case} [${r.variant}]: ${r.error}`),
  };
}

/** What `doctor` finds wrong with the built-in model: by precision. */
export async function checkPocket(
  load: Load,
  bytes: Uint8Array<ArrayBuffer>,
  golden: Golden,
  precisions?: readonly Precision[],
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { precision, ok, error } of checkModel(load, bytes, golden, { ...(precisions && { precisions }) })) {
    found[precision] = ok ? 'right' : `${error}`;
  }
  return found;
}

/** Many reads in flight at once, of bytes that are then read once more alone; the offsets that differ. */
export async function wrongReads(source: ByteSource): Promise<number[]> {
  const byteLength = 5000;
  const offsets = Array.from({ length: 64 }, (_, i) => (i * 7919) % (source.byteLength - byteLength));
  const together = await Promise.all(offsets.map((offset) => readBytes(source, offset, byteLength)));
  const wrong: number[] = [];
  for (const [i, offset] of offsets.entries()) {
    const alone = await readBytes(source, offset, byteLength);
    if (alone.some((byte, at) => byte !== together[i]![at])) wrong.push(offset);
  }
  await source.close();
  return wrong;
}

/** What a home's cache gives back: of a text written twice, of a longer one than was asked for, and of none. */
export async function cachedTexts(cache: TextStore | undefined): Promise<(string | undefined)[]> {
  if (!cache) return ['no cache'];
  await cache.write('test.json', 'first, and longer');
  await cache.write('test.json', 'second');
  const missing = await cache.read('missing.json', 100).catch(() => undefined);
  return [await cache.read('test.json', 6), await cache.read('test.json', 5), missing];
}
