/** A device whose buffers are arrays of floats: what is copied really moves, and what nobody wrote is NaN. */
import { vi } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import type { ModelConfig } from '../../src/models/config.ts';

vi.stubGlobal('GPUBufferUsage', { STORAGE: 128, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, MAP_READ: 1, MAP_WRITE: 2 });

export interface FakeBuffer {
  readonly label: string;
  readonly size: number;
  /** [size / 4] */
  readonly floats: Float32Array;
  isDestroyed: boolean;
  destroy(): void;
}

export interface FakeDevice extends Device {
  readonly buffers: FakeBuffer[];
  /** Bytes copied between buffers so far. */
  copiedBytes: number;
  /** From now on `check` throws `DeviceLostError`, and so does `unlessLost`. */
  lose(): void;
}

export function fakeDevice(): FakeDevice {
  const buffers: FakeBuffer[] = [];
  let failure: Error | undefined;
  const { promise: lost, reject } = Promise.withResolvers<never>();
  lost.catch(() => undefined);
  const gpu = {
    pushErrorScope: () => undefined,
    popErrorScope: async () => null,
    createBuffer({ label, size }: { label: string; size: number }): FakeBuffer {
      const floats = new Float32Array(size / 4).fill(Number.NaN);
      const buffer = { label, size, floats, isDestroyed: false, destroy: () => void (buffer.isDestroyed = true) };
      buffers.push(buffer);
      return buffer;
    },
    createCommandEncoder() {
      const commands: (() => void)[] = [];
      return {
        copyBufferToBuffer(from: FakeBuffer, fromByte: number, to: FakeBuffer, toByte: number, bytes: number) {
          commands.push(() => {
            if (from === to || from.isDestroyed || to.isDestroyed) throw new Error('not a copy that WebGPU allows');
            if (fromByte + bytes > from.size || toByte + bytes > to.size) throw new Error('copy beyond a buffer');
            to.floats.set(from.floats.subarray(fromByte / 4, (fromByte + bytes) / 4), toByte / 4);
            device.copiedBytes += bytes;
          });
        },
        finish: () => commands,
      };
    },
    queue: {
      submit(lists: (() => void)[][]) {
        for (const command of lists.flat()) command();
      },
    },
  };
  const device = {
    gpu,
    buffers,
    copiedBytes: 0,
    limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 },
    unlessLost: <T>(work: Promise<T>) => Promise.race([lost, work]),
    check() {
      if (failure) throw failure;
    },
    lose() {
      failure = new DeviceLostError('the GPU device was lost (unknown): a test says so');
      reject(failure);
    },
  };
  return device as unknown as FakeDevice;
}

/** One layer, one head, one value per position: a slot's number is its place in the buffer. */
export const fakeConfig = { blockCount: 1, headCountKv: 1, keyLength: 1, vocabLength: 64 } as ModelConfig;
