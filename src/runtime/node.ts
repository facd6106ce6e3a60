import { create, globals } from 'webgpu';
import { type Device, type DeviceOptions, openDevice } from '../gpu/device.ts';
import { GpuError } from '../gpu/errors.ts';
import { type LLM, type LoadOptions, loadIn, type Runtime } from '../index.ts';
import { openModel } from './node_file.ts';

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

const nodeRuntime: Runtime<string> = {
  openGguf: (name, { signal, onWarning, onProgress }) =>
    openModel(name, {
      ...(signal && { signal }),
      ...(onWarning && { onWarning }),
      ...(onProgress && {
        onProgress: (doneBytes, totalBytes) => onProgress({ stage: 'download', doneBytes, totalBytes }),
      }),
    }),
  openDevice: openNodeDevice,
  /** A software adapter's memory is the system's; a graphics card's is known to nobody. */
  memoryBudget: ({ info }) => (info.isFallbackAdapter ? process.availableMemory() / 2 : undefined),
};

/**
 * Loads a model: a path, an https URL or `hf:OWNER/REPO/FILE.gguf`, or the first file of a split.
 *
 * @example
 * await using llm = await load('model.gguf');
 * for await (const { text } of llm.generate('Once upon a time')) process.stdout.write(text);
 */
export const load = (source: string, options?: LoadOptions): Promise<LLM> => loadIn(nodeRuntime, source, options);
