import { freemem } from 'node:os';
import { create, globals } from 'webgpu';
import { type Device, type DeviceOptions, openDevice } from '../gpu/device.ts';
import { GpuError } from '../gpu/errors.ts';

/**
 * Dawn hides f16 on NVIDIA's Vulkan driver, and subgroup matrices everywhere, unless asked. One flag: Dawn keeps only
 * the last of several.
 */
const dawnFlags = ['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia'];

let instance: GPU | undefined;

/** Dawn's `navigator.gpu`; WebGPU's constants and classes become globals, as they are in a browser. */
export function nodeGpu(): GPU {
  if (instance) return instance;
  process.env.XDG_RUNTIME_DIR ??= '/tmp'; // without it the Vulkan loader complains on stderr
  Object.assign(globalThis, globals);
  instance = create(dawnFlags);
  return instance;
}

export interface NodeDeviceOptions extends DeviceOptions {
  /** Part of the wanted adapter's vendor, architecture or description; the default adapter where absent. */
  adapter?: string;
}

/** Opens Dawn's adapter; a `GpuError` says so where there is none, or another than asked for. */
export async function openNodeDevice({ adapter: wanted, ...options }: NodeDeviceOptions = {}): Promise<Device> {
  const gpu = nodeGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new GpuError('no WebGPU adapter found: install a Vulkan driver (`npm run setup` installs a software one)');
  const { vendor, architecture, description } = adapter.info;
  const name = `${vendor} ${architecture} ${description}`;
  if (wanted && !name.toLowerCase().includes(wanted.toLowerCase())) {
    throw new GpuError(`no adapter named "${wanted}": this machine has "${name}" (VK_DRIVER_FILES chooses the driver)`);
  }
  return openDevice(adapter, { languageFeatures: gpu.wgslLanguageFeatures as ReadonlySet<string>, ...options });
}

/** Memory that the system could give now, in bytes. */
export const freeMemoryBytes = (): number => freemem();
