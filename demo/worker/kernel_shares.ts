/** Kernels by their share of a step, beside what the GPU's memory allows at best. */
import { kernels } from '../../kernels/index.ts';
import type { KernelTime, LocalLLM } from '../../src/index.ts';
import { openBrowserDevice } from '../../src/runtime/browser.ts';
import type { HomeDeviceOptions } from '../../src/runtime/home.ts';

export interface KernelShare {
  readonly name: string;
  readonly dispatches: number;
  readonly milliseconds: number;
  /** Of the step's GPU time. */
  readonly share: number;
  readonly bytesPerSecond: number;
  /** Of the time it took, what moving its bytes takes at the rate of copies. */
  readonly roofline: number;
}

export interface StepProfile {
  readonly milliseconds: number;
  /** Bytes read and written by copies between buffers, per second. */
  readonly copyBytesPerSecond: number;
  readonly kernels: readonly KernelShare[];
}

export async function profile(llm: LocalLLM, deviceOptions: HomeDeviceOptions): Promise<StepProfile> {
  const times = await llm.profile();
  const copyBytesPerSecond = await measureCopies(deviceOptions);
  const milliseconds = times.reduce((sum, time) => sum + time.milliseconds, 0);
  return {
    milliseconds,
    copyBytesPerSecond,
    kernels: times.map((time) => shareOf(time, milliseconds, copyBytesPerSecond)),
  };
}

function shareOf({ label, milliseconds, works }: KernelTime, all: number, copyRate: number): KernelShare {
  const checks = kernels.find(({ name }) => name === works[0]?.kernel)?.checks();
  const bytes = works.reduce((sum, { shape, count }) => sum + (checks?.cost(shape, count).bytes ?? 0), 0);
  const bytesPerSecond = (1000 * bytes) / milliseconds;
  return {
    name: label,
    dispatches: works.length,
    milliseconds,
    share: milliseconds / all,
    bytesPerSecond,
    roofline: bytesPerSecond / copyRate,
  };
}

const copyBytes = 64 * 2 ** 20;
const copyCount = 8;

/** Reads and writes together, best of three: the first brings pages in. */
async function measureCopies(deviceOptions: HomeDeviceOptions): Promise<number> {
  const device = await openBrowserDevice(deviceOptions);
  const { gpu } = device;
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = [0, 1].map(() => gpu.createBuffer({ label: 'copied', size: copyBytes, usage })) as [
    GPUBuffer,
    GPUBuffer,
  ];
  try {
    let best = 0;
    for (let run = 0; run < 3; run++) {
      const encoder = gpu.createCommandEncoder();
      for (let copy = 0; copy < copyCount; copy++) encoder.copyBufferToBuffer(from, 0, to, 0, copyBytes);
      await gpu.queue.onSubmittedWorkDone();
      const start = performance.now();
      gpu.queue.submit([encoder.finish()]);
      await gpu.queue.onSubmittedWorkDone();
      best = Math.max(best, (2 * copyBytes * copyCount) / ((performance.now() - start) / 1000));
    }
    return best;
  } finally {
    device.destroy();
  }
}
