import { DeviceLostError, GpuError } from './errors.ts';
import { type Limits, limitsOf } from './limits.ts';

/** What a kernel's variants may use. */
export interface Features {
  /** Half floats in shaders (`shader-f16`). */
  readonly f16: boolean;
  /** Sums and exchanges across a subgroup (`subgroups`). */
  readonly subgroups: boolean;
  /** Invocations of the smallest subgroup; 1 where there are none. */
  readonly subgroupMinSize: number;
  /** Invocations of the largest subgroup; 1 where there are none. */
  readonly subgroupMaxSize: number;
  /** WGSL's packed 4x8 integer dot product, native or not. */
  readonly dp4a: boolean;
  /** Times of passes (`timestamp-query`). */
  readonly timestamps: boolean;
}

/** Names that `--features` and `DeviceOptions.features` take; `base` alone allows none. */
export const featureNames = ['subgroups', 'f16', 'dp4a', 'timestamps'] as const;
/** One of them. */
export type FeatureName = (typeof featureNames)[number];

/** What of an adapter is used. */
export interface DeviceOptions {
  /** Use no features but these. Default: all that the adapter offers. */
  features?: readonly FeatureName[];
  /** Pretend that the adapter offers no more than this, as tests of small devices do. Default: all that it offers. */
  limits?: Partial<Limits>;
  /** WGSL language features of the implementation. Default: those of the home's own `navigator.gpu`; `openDevice`: none. */
  languageFeatures?: ReadonlySet<string>;
  /** Variants of kernels that are not to run, as `webgguf doctor` names those that fail: `rms_norm subgroups`. Default: none. */
  without?: readonly string[];
}

/** An open GPU: the WebGPU device and what is known about it. */
export interface Device {
  /** WebGPU's own. */
  readonly gpu: GPUDevice;
  /** Whose it is: vendor, architecture, description. */
  readonly info: GPUAdapterInfo;
  /** Those in use: offered, and allowed by `DeviceOptions`. */
  readonly features: Features;
  /** Those in force, in WebGPU's words and units. */
  readonly limits: Limits;
  /** Variants of kernels that do not run here, by name: `rms_norm subgroups`. */
  readonly without: readonly string[];
  /** Throws what the GPU has reported since: a lost device, or an error that no scope caught. */
  check(): void;
  /** What comes of `waiting`, unless the device is lost before: then it rejects with `DeviceLostError`. */
  unlessLost<T>(waiting: Promise<T>): Promise<T>;
  /** Frees all its memory; whatever runs on it fails. */
  destroy(): void;
}

/** What people call an adapter: vendor, architecture, description. */
export function adapterName({ vendor, architecture, description }: GPUAdapterInfo): string {
  return [vendor, architecture, description].filter(Boolean).join(' ');
}

/** Opens a device with every limit and feature of use that the adapter offers. */
export async function openDevice(adapter: GPUAdapter, options: DeviceOptions = {}): Promise<Device> {
  const allowed = new Set<FeatureName>(options.features ?? featureNames);
  const offers = (name: FeatureName, feature: GPUFeatureName) => allowed.has(name) && adapter.features.has(feature);
  const { info } = adapter;
  const subgroups = offers('subgroups', 'subgroups');
  const features: Features = {
    f16: offers('f16', 'shader-f16'),
    subgroups,
    subgroupMinSize: subgroups ? info.subgroupMinSize : 1,
    subgroupMaxSize: subgroups ? info.subgroupMaxSize : 1,
    dp4a: allowed.has('dp4a') && (options.languageFeatures?.has('packed_4x8_integer_dot_product') ?? false),
    timestamps: offers('timestamps', 'timestamp-query'),
  };
  const requiredFeatures: GPUFeatureName[] = [];
  if (features.f16) requiredFeatures.push('shader-f16');
  if (features.subgroups) requiredFeatures.push('subgroups');
  if (features.timestamps) requiredFeatures.push('timestamp-query');

  const limits = limitsOf(adapter, options.limits);
  const gpu = await adapter.requestDevice({ label: 'webgguf', requiredFeatures, requiredLimits: { ...limits } });
  return { ...watch(gpu), info, features, limits, without: options.without ?? [] };
}

function watch(gpu: GPUDevice): Pick<Device, 'gpu' | 'check' | 'unlessLost' | 'destroy'> {
  let failure: GpuError | undefined;
  const waiting = new Set<(loss: GpuError) => void>(); // a race with `gpu.lost` would hold on to all who ever waited
  gpu.lost.then(({ reason, message }) => {
    failure = new DeviceLostError(`the GPU device was lost (${reason}): ${message}`);
    for (const reject of waiting) reject(failure);
  });
  gpu.onuncapturederror = ({ error }) => {
    failure ??= new GpuError(error.message);
  };
  return {
    gpu,
    check() {
      if (failure) throw failure;
    },
    async unlessLost<T>(work: Promise<T>) {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      if (failure instanceof DeviceLostError) reject(failure);
      work.then(resolve, reject);
      waiting.add(reject);
      return promise.finally(() => waiting.delete(reject));
    },
    destroy: () => gpu.destroy(),
  };
}
