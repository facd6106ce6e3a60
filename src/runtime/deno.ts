/**
 * Deno, on its own WebGPU (wgpu): `deno run -A --unstable-webgpu`.
 *
 * @module webgguf/deno
 */
import type { ByteSource } from '../gguf/source.ts';
import type { Device } from '../gpu/device.ts';
import { type LoadOptions, type LocalLLM, loadIn } from '../index.ts';
import { denoCache } from './deno_cache.ts';
import { fileSource, notAFile, openError } from './file_source.ts';
import { type Home, type HomeDeviceOptions, homeRuntime, openDeviceIn } from './home.ts';
import type { Source } from './model_source.ts';

const deno: Home = {
  hub() {
    const [endpoint, token] = [Deno.env.get('HF_ENDPOINT'), Deno.env.get('HF_TOKEN')];
    return { ...(endpoint && { endpoint }), ...(token && { token }) };
  },
  openFile: openDenoFile,
  gpu: () => navigator.gpu,
  implementation: () => `deno ${Deno.version.deno}`,
  cache: denoCache,
  hints: {
    missing: 'run with --unstable-webgpu, and install a Vulkan driver where there is none',
    other: 'VK_DRIVER_FILES chooses the driver',
  },
  systemMemory: () => Deno.systemMemoryInfo().available / 2,
};

/** Opens a file on disk; rejects with a `GgufError` that says why it can't. */
export async function openDenoFile(path: string | URL): Promise<ByteSource> {
  const name = String(path);
  let file: DenoFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    throw openError(name, error);
  }
  const stats = await file.stat();
  if (!stats.isFile) {
    file.close();
    throw notAFile(name, stats.isDirectory);
  }
  return fileSource(name, stats.size, { read: inTurn(file), close: async () => file.close() });
}

/** A file has one place that it reads from, so reads in flight at once take turns. */
function inTurn(file: DenoFile): (target: Uint8Array, offset: number) => Promise<number> {
  let last: Promise<unknown> = Promise.resolve();
  return (target, offset) => {
    const turn = last.then(async () => {
      await file.seek(offset, Deno.SeekMode.Start);
      return (await file.read(target)) ?? 0;
    });
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Opens wgpu's adapter; a `GpuError` says so where there is none, or another than asked for. */
export const openDenoDevice = (options?: HomeDeviceOptions): Promise<Device> => openDeviceIn(deno, options);

/**
 * Loads a model: a path, an https URL or `hf:OWNER/REPO/FILE.gguf`, or the first file of a split; a Blob; bytes.
 *
 * @example
 * await using llm = await load('model.gguf');
 * for await (const { text } of llm.generate('Once upon a time')) console.log(text);
 */
export const load = (source: Source, options?: LoadOptions): Promise<LocalLLM> =>
  loadIn(homeRuntime(deno), source, options);
