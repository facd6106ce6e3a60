import type { Device } from './device.ts';
import { OutOfMemoryError, scopedNow } from './errors.ts';

const usages = {
  /** Read and written by kernels, copied from and to. */
  storage: () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  uniform: () => GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  /** Mapped for reading by the host. */
  readback: () => GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  /** Mapped for writing by the host, then copied on. */
  staging: () => GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC,
};

type Usage = keyof typeof usages;

/** A buffer of `byteLength` bytes, rounded up to whole words; `OutOfMemoryError` names it and its size. */
export async function createBuffer(
  device: Device,
  label: string,
  byteLength: number,
  usage: Usage = 'storage',
): Promise<GPUBuffer> {
  const { buffer, created } = createBufferNow(device, label, byteLength, usage);
  await created;
  return buffer;
}

/** The same without waiting: the buffer may be used at once, and whether it exists is known when `created` resolves. */
export function createBufferNow(
  device: Device,
  label: string,
  byteLength: number,
  usage: Usage = 'storage',
): { buffer: GPUBuffer; created: Promise<void> } {
  const size = Math.max(4, Math.ceil(byteLength / 4) * 4);
  const what = `${label}, ${size} bytes`;
  if (size > device.limits.maxBufferSize) {
    throw new OutOfMemoryError(`${what}: larger than this device's buffers (${device.limits.maxBufferSize} bytes)`);
  }
  const { result, done } = scopedNow(device.gpu, what, () =>
    device.gpu.createBuffer({ label, size, usage: usages[usage]() }),
  );
  return { buffer: result, created: done };
}

/** A part of a buffer as a kernel binds it; whole where offset and size are absent. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset?: number;
  readonly size?: number;
}

/** Bytes [offset, offset + byteLength) of a buffer, on the host. Waits for the GPU. */
export async function readBuffer(
  device: Device,
  buffer: GPUBuffer,
  offset = 0,
  byteLength = buffer.size - offset,
): Promise<ArrayBuffer> {
  const readback = await createBuffer(device, `readback of ${buffer.label}`, byteLength, 'readback');
  try {
    const encoder = device.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, readback, 0, byteLength);
    device.gpu.queue.submit([encoder.finish()]);
    return await readMapped(device, readback, byteLength);
  } finally {
    readback.destroy();
  }
}

/** Maps a readback buffer, copies its first bytes out and unmaps it again. */
export async function readMapped(device: Device, readback: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
  await device.unlessLost(readback.mapAsync(GPUMapMode.READ, 0, byteLength));
  const bytes = readback.getMappedRange(0, byteLength).slice(0);
  readback.unmap();
  device.check();
  return bytes;
}
