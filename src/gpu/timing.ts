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
export function timeDispatches(device: Device, dispatches: Pass, repetitions: number): Promise<number[]> {
  return timePasses(
    device,
    dispatches.map((dispatch) => [dispatch]),
    repetitions,
  );
}

/** The same of several dispatches in one pass, one after the other, `repetitions` times. */
export async function timePasses(device: Device, passes: readonly Pass[], repetitions: number): Promise<number[]> {
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
    passes.forEach((pass, i) => {
      const stamps = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      encodePass(encoder, pass, repetitions, stamps);
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

/** Milliseconds of each pass on any device: where it has no clock of its own, until the host hears that it is done. */
export function timeAnywhere(device: Device, passes: readonly Pass[]): Promise<number[]> {
  return device.features.timestamps ? timePasses(device, passes, 1) : awaitedPasses(device, passes);
}

/** The middle one of several times. */
export const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] as number;

/** Dispatches in their order. */
type Pass = readonly TimedDispatch[];

async function awaitedPasses({ gpu, unlessLost }: Device, passes: readonly Pass[]): Promise<number[]> {
  const times: number[] = [];
  for (const pass of passes) {
    const began = performance.now();
    const encoder = gpu.createCommandEncoder({ label: 'timing' });
    encodePass(encoder, pass, 1);
    gpu.queue.submit([encoder.finish()]);
    await unlessLost(gpu.queue.onSubmittedWorkDone());
    times.push(performance.now() - began);
  }
  return times;
}

function encodePass(
  encoder: GPUCommandEncoder,
  dispatches: Pass,
  repetitions: number,
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
  for (let r = 0; r < repetitions; r++) {
    for (const { pipeline, bindGroup, workgroups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
  }
  pass.end();
}
