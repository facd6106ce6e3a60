import { createBuffer, readBuffer } from './buffers.ts';
import type { Device } from './device.ts';
import { GpuError } from './errors.ts';
import type { Workgroups } from './kernel.ts';

/** A dispatch with its work fixed, as it is timed. */
export interface TimedDispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
}

/**
 * Milliseconds of GPU time of each dispatch, `repetitions` times each in a pass of its own, divided by them.
 * Needs the `timestamp-query` feature; browsers round its clock to 100 µs, so repeat short kernels.
 */
export function timeDispatches(
  device: Device,
  dispatches: readonly TimedDispatch[],
  repetitions: number,
): Promise<number[]> {
  return timePasses(
    device,
    dispatches.map((dispatch) => [dispatch]),
    repetitions,
  );
}

/** The same of several dispatches in one pass, one after the other, `repetitions` times. */
export async function timePasses(
  device: Device,
  passes: readonly (readonly TimedDispatch[])[],
  repetitions: number,
): Promise<number[]> {
  if (!device.features.timestamps) throw new GpuError('this device has no timestamp-query');
  const { gpu } = device;
  const count = 2 * passes.length;
  const querySet = gpu.createQuerySet({ label: 'timing', type: 'timestamp', count });
  const resolved = gpu.createBuffer({
    label: 'timing',
    size: count * 8,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const stamps = await createBuffer(device, 'timestamps', count * 8);
  try {
    const encoder = gpu.createCommandEncoder({ label: 'timing' });
    passes.forEach((dispatches, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      for (let r = 0; r < repetitions; r++) {
        for (const { pipeline, bindGroup, workgroups } of dispatches) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, bindGroup);
          pass.dispatchWorkgroups(...workgroups);
        }
      }
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, stamps, 0, count * 8);
    gpu.queue.submit([encoder.finish()]);
    const times = new BigUint64Array(await readBuffer(device, stamps));
    return passes.map((_, i) => Number((times[2 * i + 1] as bigint) - (times[2 * i] as bigint)) / 1e6 / repetitions);
  } finally {
    querySet.destroy();
    resolved.destroy();
    stamps.destroy();
  }
}
