import { DeviceLostError, GpuError } from './errors.ts';
import { type Findings, noFindings } from './findings.ts';
import { type Limits, limitsOf } from './limits.ts';
import { computesOnCpu } from './shared_memory.ts';

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
  /** Shapes of matrices that subgroups multiply (Dawn's `chromium-experimental-subgroup-matrix`); absent where there are none. */
  readonly subgroupMatrices?: readonly SubgroupMatrix[];
  /** Whether a kernel may say how large its subgroups are (`subgroup-size-control`). */
  readonly subgroupSizeControl?: boolean;
  /** Times of passes (`timestamp-query`). */
  readonly timestamps: boolean;
  /** The adapter is a CPU. */
  readonly cpu: boolean;
}

/** A shape of the matrices that a subgroup multiplies, [m, k] by [k, n], f16 or f32; their sums are f32. */
export interface SubgroupMatrix {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly f16: boolean;
}

/** Names that `--features` and `DeviceOptions.features` take; `base` alone allows none. */
export const featureNames = ['subgroups', 'subgroup sizes', 'matrices', 'f16', 'dp4a', 'timestamps'] as const;
/** WebGPU's names; dp4a is a feature of the language, not of the device. */
const gpuFeatures: Readonly<Record<FeatureName, GPUFeatureName | undefined>> = {
  subgroups: 'subgroups',
  'subgroup sizes': 'subgroup-size-control' as GPUFeatureName,
  matrices: 'chromium-experimental-subgroup-matrix' as GPUFeatureName,
  f16: 'shader-f16',
  dp4a: undefined,
  timestamps: 'timestamp-query',
};
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
  /** What is known of its variants from measuring; grows while models are loaded. */
  readonly findings: Findings;
  /** Throws what the GPU has reported since: a lost device, or an error that no scope caught. */
  check(): void;
  /** What comes of `waiting`, unless the device is lost before: then it rejects with `DeviceLostError`. */
  unlessLost<T>(waiting: Promise<T>): Promise<T>;
  /** Frees all its memory; whatever runs on it fails. */
  destroy(): void;
}

/** The same device, where what was fast on it does not count. */
export function withoutRaces(device: Device): Device {
  return { ...device, findings: { ...device.findings, races: new Map() } };
}

/** What people call an adapter: vendor, architecture, description. */
export function adapterName({ vendor, architecture, description }: GPUAdapterInfo): string {
  return [vendor, architecture, description].filter(Boolean).join(' ');
}

/** Opens a device with every limit and feature of use that the adapter offers. */
export async function openDevice(adapter: GPUAdapter, options: DeviceOptions = {}): Promise<Device> {
  const allowed = options.features ?? featureNames;
  const requiredFeatures = allowed.flatMap((name) => {
    const feature = gpuFeatures[name];
    return feature && adapter.features.has(feature) ? feature : [];
  });
  const limits = limitsOf(adapter, options.limits);
  const gpu = await adapter.requestDevice({ label: 'webgguf', requiredFeatures, requiredLimits: { ...limits } });
  return { ...adoptDevice(gpu, options), limits };
}

/** A device that somebody else opened, as it is: with the features and limits that it was asked to have. */
export function adoptDevice(gpu: GPUDevice, { features, languageFeatures, without = [] }: DeviceOptions = {}): Device {
  const allowed = new Set<FeatureName>(features ?? featureNames);
  const has = (name: keyof typeof gpuFeatures) => allowed.has(name) && gpu.features.has(gpuFeatures[name] as string);
  const info = gpu.adapterInfo;
  const subgroups = has('subgroups');
  return {
    ...watch(gpu),
    info,
    features: {
      f16: has('f16'),
      subgroups,
      subgroupMinSize: subgroups ? info.subgroupMinSize : 1,
      subgroupMaxSize: subgroups ? info.subgroupMaxSize : 1,
      dp4a: allowed.has('dp4a') && (languageFeatures?.has('packed_4x8_integer_dot_product') ?? false),
      timestamps: has('timestamps'),
      cpu: computesOnCpu(info),
      ...(has('matrices') && { subgroupMatrices: subgroupMatricesOf(info) }),
      ...(has('subgroup sizes') && { subgroupSizeControl: true }),
    },
    limits: limitsOf(gpu),
    without,
    findings: noFindings(),
  };
}

/** Dawn's list of shapes, beyond WebGPU's standard: those whose sums are f32. */
function subgroupMatricesOf(info: GPUAdapterInfo): SubgroupMatrix[] {
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & { subgroupMatrixConfigs?: readonly MatrixConfig[] };
  return [...subgroupMatrixConfigs].flatMap(({ M: m, N: n, K: k, componentType, resultComponentType }) => {
    const fits = resultComponentType === 'f32' && (componentType === 'f16' || componentType === 'f32');
    return fits ? [{ m, n, k, f16: componentType === 'f16' }] : [];
  });
}

interface MatrixConfig {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly componentType: string;
  readonly resultComponentType: string;
}

function watch(gpu: GPUDevice): Pick<Device, 'gpu' | 'check' | 'unlessLost' | 'destroy'> {
  let failure: GpuError | undefined;
  const waiting = new Set<(loss: GpuError) => void>(); // a race with `gpu.lost` would hold on to all who ever waited
  gpu.lost.then(({ reason, message }) => {
    failure = new DeviceLostError(`the GPU device was lost (${reason}): ${message}`);
    for (const reject of waiting) reject(failure);
  });
  const others = gpu.onuncapturederror; // of whoever opened it
  gpu.onuncapturederror = function (event) {
    failure ??= new GpuError(event.error.message);
    others?.call(this, event);
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
