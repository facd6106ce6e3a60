/** Which GPU the page takes: the browser's, or less of it (`?device=`), as tests and the curious want to see. */
import type { FeatureName, Limits } from '../../src/index.ts';
import type { HomeDeviceOptions } from '../../src/runtime/home.ts';

const plain: { features: readonly FeatureName[]; limits: Partial<Limits> } = {
  features: [],
  limits: { maxStorageBuffersPerShaderStage: 8, maxStorageBufferBindingSize: 128 * 2 ** 20 },
};

/** Devices as other browsers shape them, on whatever GPU. */
const shapes: Readonly<Record<string, HomeDeviceOptions>> = {
  /** Neither subgroups nor f16, and WebGPU's least bindings. */
  firefox: { ...plain, features: ['dp4a'] },
  safari: plain,
};

const parameters = new URLSearchParams(location.search);
export const deviceOptions: HomeDeviceOptions = shapes[parameters.get('device') ?? ''] ?? {};
