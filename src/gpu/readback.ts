import { createBufferNow, readMapped } from './buffers.ts';
import type { Device } from './device.ts';

/** Bytes that come back from the GPU while it works on: buffers that are mapped in turn, and used again. */
export class Readbacks {
  readonly #device: Device;
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #all: GPUBuffer[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** Records a copy of `byteLength` bytes of `source`; the result of `read`, after submission, are they. */
  copy(
    encoder: GPUCommandEncoder,
    source: GPUBuffer,
    byteLength: number,
    offset = 0,
  ): { read(): Promise<ArrayBuffer> } {
    const { buffer, created } = this.#take(byteLength);
    encoder.copyBufferToBuffer(source, offset, buffer, 0, byteLength);
    return {
      read: async () => {
        await created;
        const bytes = await readMapped(this.#device, buffer, byteLength);
        this.#free.get(buffer.size)?.push(buffer);
        return bytes;
      },
    };
  }

  /** Sizes are powers of two, so that a few buffers serve all. */
  #take(byteLength: number): { buffer: GPUBuffer; created: Promise<void> | undefined } {
    const size = 2 ** Math.ceil(Math.log2(Math.max(byteLength, 256)));
    const free = this.#free.get(size) ?? [];
    this.#free.set(size, free);
    const known = free.pop();
    if (known) return { buffer: known, created: undefined };
    const { buffer, created } = createBufferNow(this.#device, `readback of ${size}`, size, 'readback');
    created.catch(() => undefined); // thrown by read
    this.#all.push(buffer);
    return { buffer, created };
  }

  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
  }
}
