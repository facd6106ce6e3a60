/** What a GPU refused, in one line: the operation, the kernel if there is one, and the device's own words. */
export class GpuError extends Error {
  override name = 'GpuError';
}

/** The device has no memory left for what the message names. */
export class OutOfMemoryError extends GpuError {
  override name = 'OutOfMemoryError';
}

/** The device is gone (driver reset, unplugged, destroyed); every buffer on it is lost with it. */
export class DeviceLostError extends GpuError {
  override name = 'DeviceLostError';
}

/** A variant that was tried while tuning has cost the device. It is among the findings, and the next device does without. */
export class LostByTrialError extends DeviceLostError {}

/** Whether an error tells of the kernel it names: neither of a device that is gone, nor of memory. */
export function isFaultOfKernel(error: unknown): error is GpuError {
  return error instanceof GpuError && !(error instanceof DeviceLostError || error instanceof OutOfMemoryError);
}

const scopes: GPUErrorFilter[] = ['out-of-memory', 'internal', 'validation'];

/**
 * Runs `create` inside error scopes and throws what they catch, named after `what`.
 * `create` must be synchronous: scopes are a stack of the device, and an await inside would catch others' errors.
 */
export async function scoped<T>(gpu: GPUDevice, what: string, create: () => T): Promise<T> {
  const { result, done } = scopedNow(gpu, what, create);
  await done;
  return result;
}

/** The same without waiting: `done` rejects with what the scopes caught. */
export function scopedNow<T>(gpu: GPUDevice, what: string, create: () => T): { result: T; done: Promise<void> } {
  for (const filter of scopes) gpu.pushErrorScope(filter);
  try {
    const result = create();
    return { result, done: popped() };
  } catch (error) {
    popped().catch(() => undefined); // `create` threw, and that is the error
    throw error;
  }

  async function popped(): Promise<void> {
    for (const error of await Promise.all(scopes.map(() => gpu.popErrorScope()))) {
      if (!error) continue;
      const OfKind = error instanceof GPUOutOfMemoryError ? OutOfMemoryError : GpuError;
      throw new OfKind(`${what}: ${error.message}`);
    }
  }
}
