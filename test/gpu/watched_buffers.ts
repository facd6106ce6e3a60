/** Counts the bytes of all buffers, and refuses more than a limit, as a device that is out of memory does. */
import { nodeGpu } from '../../src/runtime/node.ts';

nodeGpu();

/** Bytes of all buffers that are not destroyed yet, and how many there may be. */
export const watched = { bytes: 0, limitBytes: Number.POSITIVE_INFINITY };

const sizes = new WeakMap<GPUBuffer, number>();
const { createBuffer, popErrorScope } = GPUDevice.prototype;
let isRefused = false;
GPUDevice.prototype.createBuffer = function (descriptor) {
  isRefused = watched.bytes + descriptor.size > watched.limitBytes;
  const buffer = createBuffer.call(this, isRefused ? { ...descriptor, size: 8 } : descriptor);
  if (isRefused) return buffer;
  watched.bytes += descriptor.size;
  sizes.set(buffer, descriptor.size);
  return buffer;
};
GPUDevice.prototype.popErrorScope = async function () {
  const refused = isRefused;
  isRefused = false;
  const error = await popErrorScope.call(this);
  return refused ? new GPUOutOfMemoryError('the test gives no more memory') : error;
};
const { destroy } = GPUBuffer.prototype;
GPUBuffer.prototype.destroy = function () {
  watched.bytes -= sizes.get(this) ?? 0;
  sizes.delete(this);
  return destroy.call(this);
};
