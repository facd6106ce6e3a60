import { DeviceLostError, GpuError } from './errors.ts';
import { type Limits, limitsOf } from './limits.ts';

/** What a kernel's variants may use. */
export interface Features {
  readonly f16: boolean;
  readonly subgroups: boolean;
  /** Smallest and largest subgroup; 1 and 1 where there are none. */
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** WGSL's packed 4x8 integer dot product, native or not. */
  readonly dp4a: boolean;
  readonly timestamps: boolean;
}

/** Names that `--features` and `DeviceOptions.features` take; `base` alone allows none. */
export const featureNames = ['subgroups', 'f16', 'dp4a', 'timestamps'] as const;
export type FeatureName = (typeof featureNames)[number];

export interface DeviceOptions {
  /** Use no features but these; all that the adapter offers where absent. */
  features?: readonly FeatureName[];
  /** Pretend that the adapter offers no more than this: tests split small tensors as a small device would. */
  limits?: Partial<Limits>;
  /** WGSL language features of the implementation (`navigator.gpu.wgslLanguageFeatures`). */
  languageFeatures?: ReadonlySet<string>;
}

/** An open GPU: the WebGPU device and what is known about it. */
export interface Device {
  readonly gpu: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly features: Features;
  readonly limits: Limits;
  /** Throws what the GPU has reported since: a lost device, or an error that no scope caught. */
  check(): void;
  /** Rejects with `DeviceLostError` when the device is lost; never resolves. */
  readonly lost: Promise<never>;
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
  return watch(gpu, info, features, limits);
}

function watch(gpu: GPUDevice, info: GPUAdapterInfo, features: Features, limits: Limits): Device {
  let failure: GpuError | undefined;
  const lost = gpu.lost.then(({ reason, message }) => {
    failure = new DeviceLostError(`the GPU device was lost (${reason}): ${message}`);
    throw failure;
  });
  lost.catch(() => undefined); // whoever waits hears of it; nobody waiting is no crash
  gpu.onuncapturederror = ({ error }) => {
    failure ??= new GpuError(error.message);
  };
  return {
    gpu,
    info,
    features,
    limits,
    lost,
    check() {
      if (failure) throw failure;
    },
    destroy: () => gpu.destroy(),
  };
}
