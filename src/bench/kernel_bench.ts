import { createBuffer } from '../gpu/buffers.ts';
import { prepareTrial } from '../gpu/check.ts';
import type { Device } from '../gpu/device.ts';
import type { Case, CheckedKernel } from '../gpu/kernel.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { bind } from '../gpu/plan.ts';
import { usableVariants, variantName } from '../gpu/variants.ts';
import { type MeasureOptions, measure } from './measure.ts';
import type { Spread } from './statistics.ts';

export interface KernelBench {
  readonly kernel: string;
  readonly case: string;
  readonly variant: string;
  /** Milliseconds of a dispatch. */
  readonly milliseconds: Spread;
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: number;
}

/** Inputs are read from copies that together take so much: beyond every cache. */
const rotatedBytes = 2 ** 28;
const maxCopies = 64;

/** Times a bench case in every variant that the device can run; one that fails is an error with its name. */
export async function benchCase(
  device: Device,
  pipelines: Pipelines,
  kernel: CheckedKernel,
  { id, shape, trial }: Case<object>,
  options?: MeasureOptions,
): Promise<KernelBench[]> {
  const made = trial();
  const { bytes, flops } = kernel.checks().cost(shape, made.count);
  const results: KernelBench[] = [];
  for (const variant of usableVariants(kernel, shape, device)) {
    const prepared = await prepareTrial(device, pipelines, kernel, shape, variant, made);
    const copies: GPUBuffer[] = [];
    try {
      const compiled = await pipelines.compile(kernel, shape, variant);
      const inputs = compiled.bindings.filter(({ type }) => type === 'read-only-storage');
      const inputBytes = inputs.reduce((sum, { name }) => sum + prepared.buffers[name]!.buffer.size, 0);
      const copyCount = Math.max(1, Math.min(maxCopies, Math.ceil(rotatedBytes / Math.max(1, inputBytes))));
      const dispatches = [prepared];
      while (dispatches.length < copyCount) {
        const buffers = { ...prepared.buffers };
        for (const { name } of inputs) {
          const { buffer, size } = prepared.buffers[name]!;
          const copy = await copied(device, buffer);
          copies.push(copy);
          buffers[name] = { buffer: copy, size };
        }
        dispatches.push({ ...prepared, bindGroup: await bind(device, compiled, buffers) });
      }
      const milliseconds = await measure(device, dispatches, options);
      const seconds = milliseconds.median / 1000;
      const rates = { bytesPerSecond: bytes / seconds, flopsPerSecond: flops / seconds };
      results.push({ kernel: kernel.name, case: id, variant: variantName(variant), milliseconds, ...rates });
    } finally {
      prepared.destroy();
      for (const copy of copies) copy.destroy();
    }
  }
  return results;
}

async function copied(device: Device, buffer: GPUBuffer): Promise<GPUBuffer> {
  const copy = await createBuffer(device, `copy of ${buffer.label}`, buffer.size);
  const encoder = device.gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
  device.gpu.queue.submit([encoder.finish()]);
  return copy;
}
