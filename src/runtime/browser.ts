/**
 * A page's or a worker's WebGPU.
 *
 * @module webgguf/browser
 */
import type { Gguf } from '../gguf/gguf.ts';
import type { Device } from '../gpu/device.ts';
import { type LoadOptions, type LocalLLM, loadIn } from '../index.ts';
import { workerStorage } from './browser_storage.ts';
import { type Home, type HomeDeviceOptions, homeRuntime, openDeviceIn } from './home.ts';
import { type OpenOptions, openModelIn, type Source } from './model_source.ts';
import { originCache } from './origin_cache.ts';
import { pageUrl } from './page_url.ts';

export { removeStored, type StoredModel, storedModels } from './browser_storage.ts';

const browser: Home = {
  hub: () => ({}),
  baseUrl: pageUrl,
  storage: workerStorage,
  gpu: () => navigator.gpu,
  implementation: () => navigator.userAgent,
  cache: () => originCache,
  hints: {
    missing: 'this needs a browser with WebGPU, and a page from https or localhost',
    other: "the browser's settings choose the adapter",
  },
  systemMemory() {
    const { deviceMemory } = navigator as { deviceMemory?: number }; // GiB, rounded; Chromium alone tells it
    return deviceMemory && (deviceMemory * 2 ** 30) / 2;
  },
};

const runtime = homeRuntime(browser);

/** Opens a model and reads its header, without a GPU; the caller closes it with `closeGguf`. */
export const openModel = (source: Source, options?: OpenOptions): Promise<Gguf> =>
  openModelIn(browser, source, options);

/** GPU memory that a model of `wantedBytes` may use, in bytes; undefined where it may use so much, or nobody knows. */
export const memoryBudget = async (device: Device, wantedBytes: number): Promise<number | undefined> =>
  runtime.memoryBudget(device, wantedBytes);

/** Opens the browser's adapter; a `GpuError` says so where there is none, or another than asked for. */
export const openBrowserDevice = (options?: HomeDeviceOptions): Promise<Device> => openDeviceIn(browser, options);

/**
 * Loads a model: an URL, absolute or relative to the page, `hf:OWNER/REPO/FILE.gguf`, or the first file of a split;
 * a File that a person chose, or all files of a split; bytes.
 *
 * @example
 * const llm = await load(input.files[0]);
 * for await (const { text } of llm.generate('Once upon a time')) output.append(text);
 */
export const load = (source: Source, options?: LoadOptions): Promise<LocalLLM> => loadIn(runtime, source, options);
