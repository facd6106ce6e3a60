/** What the homes share beside the names of models: the adapter by its own, and `loadIn`'s runtime. */
import { adapterName, type Device, type DeviceOptions, openDevice } from '../gpu/device.ts';
import { GpuError } from '../gpu/errors.ts';
import { FindingsCache, type TextStore } from '../gpu/findings_cache.ts';
import { probeMemory } from '../gpu/probe_memory.ts';
import { sharesSystemMemory } from '../gpu/shared_memory.ts';
import type { LoadOptions, Runtime } from '../index.ts';
import { type OpenOptions, openModelIn, type Places } from './model_source.ts';

/** What differs between homes. */
export interface Home extends Places {
  gpu(): GPU | undefined;
  /** Which WebGPU this is, with its version where it has one. */
  implementation(): string;
  /** Where small texts are kept; undefined where they are not. */
  cache(): TextStore | undefined;
  /** What to do where no adapter is found, and where it is another than asked for. */
  readonly hints: { readonly missing: string; readonly other: string };
  /** Bytes of the system's memory that an adapter which shares it may use: half of what is free. Undefined where nobody knows. */
  systemMemory(): number | undefined;
}

/** How a home opens its adapter. */
export interface HomeDeviceOptions extends DeviceOptions {
  /** Part of the wanted adapter's vendor, architecture or description; the default adapter where absent. */
  adapter?: string;
}

/** `loadIn`'s runtime for a home. */
export function homeRuntime(home: Home): Runtime {
  return {
    openGguf: (source, options) => openModelIn(home, source, openOptions(options)),
    openDevice: (options) => openDeviceIn(home, options),
    findings: findingsIn(home),
    memoryBudget: (device, wantedBytes) => memoryBudget(home, device, wantedBytes),
    languageFeatures: () => home.gpu()?.wgslLanguageFeatures as ReadonlySet<string> | undefined,
  };
}

/** What is known of a home's devices. */
export const findingsIn = (home: Home) => new FindingsCache(home.cache(), home.implementation());

/** Below it, a model is loaded before a probe is worth its time. */
const probedBytes = 2 ** 30;

/** Of memory that an adapter shares with the system, half of what is free; of a card's own, what proves to hold. */
async function memoryBudget(home: Home, device: Device, wantedBytes: number): Promise<number | undefined> {
  if (sharesSystemMemory(device.info)) return home.systemMemory();
  if (wantedBytes < probedBytes) return undefined;
  const held = await probeMemory(device, { wantedBytes });
  return held < wantedBytes ? held : undefined;
}

/** Opens the home's adapter; a `GpuError` says so where there is none, or another than asked for. */
export async function openDeviceIn(
  { gpu: findGpu, hints }: Home,
  { adapter: wanted, ...options }: HomeDeviceOptions = {},
): Promise<Device> {
  const gpu = findGpu();
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!gpu || !adapter) throw new GpuError(`no WebGPU adapter found: ${hints.missing}`);
  const name = adapterName(adapter.info);
  if (wanted && !name.toLowerCase().includes(wanted.toLowerCase())) {
    throw new GpuError(`no adapter named "${wanted}": this machine has "${name}" (${hints.other})`);
  }
  return openDevice(adapter, { languageFeatures: gpu.wgslLanguageFeatures as ReadonlySet<string>, ...options });
}

function openOptions({ signal, store, onWarning, onProgress }: LoadOptions): OpenOptions {
  return {
    ...(store && { store }),
    ...(signal && { signal }),
    ...(onWarning && { onWarning }),
    ...(onProgress && {
      onProgress: (doneBytes, totalBytes) => onProgress({ stage: 'download', doneBytes, totalBytes }),
    }),
  };
}
