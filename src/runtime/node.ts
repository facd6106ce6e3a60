/**
 * Node, on Dawn (the package `webgpu`).
 *
 * @module webgguf/node
 */
import { totalmem } from 'node:os';
import { create, globals } from 'webgpu';
import type { Device } from '../gpu/device.ts';
import { type LoadOptions, type LocalLLM, loadIn } from '../index.ts';
import { findingsIn, type Home, type HomeDeviceOptions, homeRuntime, openDeviceIn } from './home.ts';
import type { Source } from './model_source.ts';
import { nodeCache } from './node_cache.ts';
import { nodePlaces } from './node_file.ts';

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

const node: Home = {
  ...nodePlaces,
  gpu: nodeGpu,
  implementation: () => 'dawn',
  cache: nodeCache,
  hints: {
    missing: 'install a Vulkan driver (`npm run setup` installs a software one)',
    other: 'VK_DRIVER_FILES chooses the driver',
  },
  // macOS tells as free what nothing at all is in, files among it: there, half of all takes its place
  systemMemory: () => Math.max(process.availableMemory(), process.platform === 'darwin' ? totalmem() / 2 : 0) / 2,
};

export type { HomeDeviceOptions as NodeDeviceOptions } from './home.ts';
export type { Source } from './model_source.ts';

/** Opens Dawn's adapter; a `GpuError` says so where there is none, or another than asked for. */
export const openNodeDevice = (options?: HomeDeviceOptions): Promise<Device> => openDeviceIn(node, options);

/** Adds to a device's findings what is kept of it; where it is kept, if anywhere. */
export async function recallFindings(device: Device): Promise<string | undefined> {
  await findingsIn(node).recall(device);
  return node.cache()?.place;
}

/**
 * Loads a model: a path, an https URL or `hf:OWNER/REPO/FILE.gguf`, or the first file of a split; a Blob; bytes.
 *
 * @example
 * await using llm = await load('model.gguf');
 * for await (const { text } of llm.generate('Once upon a time')) process.stdout.write(text);
 */
export const load = (source: Source, options?: LoadOptions): Promise<LocalLLM> =>
  loadIn(homeRuntime(node), source, options);
