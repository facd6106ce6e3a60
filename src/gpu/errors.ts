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

const scopes: GPUErrorFilter[] = ['out-of-memory', 'internal', 'validation'];

/**
 * Runs `create` inside error scopes and throws what they catch, named after `what`.
 * `create` must be synchronous: scopes are a stack of the device, and an await inside would catch others' errors.
 */
export async function scoped<T>(gpu: GPUDevice, what: string, create: () => T): Promise<T> {
  for (const filter of scopes) gpu.pushErrorScope(filter);
  let result: T;
  let caught: Promise<(GPUError | null)[]>;
  try {
    result = create();
  } finally {
    caught = Promise.all(scopes.map(() => gpu.popErrorScope()));
    caught.catch(() => undefined); // awaited below, unless `create` threw
  }
  for (const error of await caught) {
    if (!error) continue;
    const OfKind = error instanceof GPUOutOfMemoryError ? OutOfMemoryError : GpuError;
    throw new OfKind(`${what}: ${error.message}`);
  }
  return result;
}
