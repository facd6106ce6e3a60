/** A graphics card that has only its memory: how much, and how fast it is written. */
import { vi } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';

vi.stubGlobal('GPUBufferUsage', { STORAGE: 128, COPY_SRC: 4, COPY_DST: 8 });
vi.stubGlobal('GPUOutOfMemoryError', class extends Error {});

const gib = 2 ** 30;

export interface Card {
  /** What is written fast. */
  readonly capacity: number;
  /** What is refused, beyond it. */
  readonly refuses: number;
  readonly bytesPerMs?: number;
  readonly refusal?: Error;
}

/** Beyond its capacity, all of it is written at a tenth of the rate. Time passes by writing alone. */
export function fakeCard({ capacity, refuses, bytesPerMs = gib / 2, refusal }: Card) {
  vi.useFakeTimers({ toFake: ['performance'] });
  const live = new Set<{ size: number }>();
  const bytes = () => [...live].reduce((sum, { size }) => sum + size, 0);
  let error: unknown = null;
  let written = 0;
  const gpu = {
    pushErrorScope: () => undefined,
    popErrorScope: async () => {
      const popped = error;
      error = null;
      return popped;
    },
    createBuffer({ size }: { size: number }) {
      const buffer = { size, destroy: () => live.delete(buffer) };
      if (bytes() + size > refuses) error = refusal ?? new GPUOutOfMemoryError('no more');
      else live.add(buffer);
      return buffer;
    },
    createCommandEncoder: () => ({
      clearBuffer: ({ size }: { size: number }) => void (written += size),
      finish: () => 0,
    }),
    queue: {
      submit: () => undefined,
      async onSubmittedWorkDone() {
        vi.advanceTimersByTime(written / (bytes() > capacity ? bytesPerMs / 10 : bytesPerMs));
        written = 0;
      },
    },
  };
  const unlessLost = <T>(work: Promise<T>) => work;
  return { device: { gpu, unlessLost, limits: { maxBufferSize: 2 ** 32 } } as unknown as Device, live };
}
