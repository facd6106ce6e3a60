import { createBuffer } from './buffers.ts';
import type { Device } from './device.ts';
import { OutOfMemoryError } from './errors.ts';

export interface ProbeOptions {
  /** What there is use for; no more is tried. */
  readonly wantedBytes: number;
  /** Of a buffer. Default 256 MiB, or the largest that the device makes. */
  readonly pieceBytes?: number;
  /** When it ends at the latest, with what has held until then. Default 2 s. */
  readonly limitMs?: number;
}

const defaultPieceBytes = 256 * 2 ** 20;
const defaultLimitMs = 2000;
/** A round adds this share of what is held at most, and half as much after one that failed. */
const growth = 1 / 4;
/** Memory of the card's own is written many times as fast as the system's, which drivers give where it ends. */
const slowestShare = 1 / 3;

/**
 * Bytes that the device holds, up to `wantedBytes`: allocation alone proves nothing, since drivers promise more than
 * there is. What is allocated is written, all of it in each round, and counts as long as that stays as fast as it was
 * with little. Everything is freed again when it resolves.
 */
export async function probeMemory(
  device: Device,
  { wantedBytes, pieceBytes = defaultPieceBytes, limitMs = defaultLimitMs }: ProbeOptions,
): Promise<number> {
  const size = Math.min(pieceBytes, device.limits.maxBufferSize, wantedBytes);
  const wanted = Math.ceil(wantedBytes / size);
  const end = performance.now() + limitMs;
  const held: GPUBuffer[] = [];
  let [step, fastest] = [1, 0];
  try {
    while (step >= 1 && held.length < wanted && performance.now() < end) {
      const count = Math.min(step, wanted - held.length);
      const added = await allocate(device, size, count);
      const all = [...held, ...added];
      const rate = added.length < count ? 0 : await writeRate(device, all, fastest * slowestShare);
      if (rate > fastest * slowestShare) {
        held.push(...added);
        fastest = Math.max(fastest, rate);
        step = Math.max(step, Math.min(2 * step, Math.floor(held.length * growth)));
      } else {
        for (const buffer of added) buffer.destroy();
        step = Math.floor(count / 2);
      }
    }
    return Math.min(held.length * size, wantedBytes);
  } finally {
    for (const buffer of held) buffer.destroy();
    await device.unlessLost(device.gpu.queue.onSubmittedWorkDone());
  }
}

/** `count` buffers, or those that there is memory for. */
async function allocate(device: Device, size: number, count: number): Promise<GPUBuffer[]> {
  const buffers: GPUBuffer[] = [];
  try {
    while (buffers.length < count) buffers.push(await createBuffer(device, 'memory probe', size));
  } catch (error) {
    if (error instanceof OutOfMemoryError) return buffers;
    for (const buffer of buffers) buffer.destroy();
    throw error;
  }
  return buffers;
}

/** Bytes per millisecond. What is too slow is written again: the first time, the driver may move it to its place. */
async function writeRate({ gpu, unlessLost }: Device, buffers: readonly GPUBuffer[], least: number): Promise<number> {
  const bytes = buffers.reduce((sum, { size }) => sum + size, 0);
  let rate = 0;
  for (let i = 0; i < 2 && rate <= least; i++) {
    const start = performance.now();
    const encoder = gpu.createCommandEncoder({ label: 'memory probe' });
    for (const buffer of buffers) encoder.clearBuffer(buffer);
    gpu.queue.submit([encoder.finish()]);
    await unlessLost(gpu.queue.onSubmittedWorkDone());
    rate = bytes / Math.max(performance.now() - start, 0.01);
  }
  return rate;
}
