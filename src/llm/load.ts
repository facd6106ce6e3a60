import { ChatEncoder } from '../chat/index.ts';
import { Model, type ModelOptions } from '../decoding/model.ts';
import { Scheduler } from '../decoding/scheduler.ts';
import type { FileHandle } from '../gguf/file_handle.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { closeGguf } from '../gguf/open.ts';
import type { ByteSource } from '../gguf/source.ts';
import { adoptDevice, type Device, type DeviceOptions } from '../gpu/device.ts';
import { LostByTrialError } from '../gpu/errors.ts';
import type { FindingsCache } from '../gpu/findings_cache.ts';
import { readHeader } from '../models/load.ts';
import { wholeBytes } from '../models/memory.ts';
import { createTokenizer, type TokenizerOptions } from '../tokenizer/index.ts';
import { Draft } from './draft.ts';
import { LocalLLM } from './local.ts';

/**
 * A model, or the first file of a split: an http(s) URL, `hf:OWNER/REPO/FILE.gguf`, a path (in a browser: relative to
 * the page), a Blob or File, the handle of a stored or picked file, bytes, or whatever reads like them; or all files of
 * one model, in any order. A `ByteSource` is closed with the model.
 */
export type Source = string | URL | Blob | FileHandle | readonly File[] | Uint8Array | ByteSource;

/** What a model is loaded with; nothing need be said. */
export interface LoadOptions extends ModelOptions, Omit<TokenizerOptions, 'onWarning'> {
  /** An open device, which the caller keeps; when it is lost, so is the model. Default: the home opens one. */
  device?: GPUDevice | Device;
  /** How the runtime opens the device. Default: any adapter, with all that it offers. */
  deviceOptions?: DeviceOptions & {
    /** Part of its vendor, architecture or description. Default: any. */
    adapter?: string;
  };
  /**
   * A small model with the same vocabulary, named as the model is: it guesses what comes next, and a pass of the large one
   * verifies several guesses at once, where that is faster. Default: none; what repeats is guessed from the text itself.
   */
  draft?: Source;
  /** Jinja that makes conversations into prompts. Default: the file's own. */
  chatTemplate?: string;
  /**
   * Whether a file of a web server is kept in the browser's storage (OPFS), and read from there the next time, without a
   * network; what was fetched before it was interrupted is not fetched again, and what is damaged is. In a worker of a
   * browser alone; elsewhere it says nothing. Default false.
   */
  store?: boolean;
  /** What a person should know of the file or the machine, a line each. Default: nobody is told. */
  onWarning?: (message: string) => void;
}

/** What differs between homes: how a model's bytes and a GPU are reached. */
export interface Runtime {
  /** Opens a model and reads its header. */
  openGguf(source: Source, options: LoadOptions): Promise<Gguf>;
  /** Opens the GPU; `GpuError` where there is none, or none of that name. */
  openDevice(options: DeviceOptions & { adapter?: string }): Promise<Device>;
  /** GPU memory that may be used, in bytes; undefined where `wantedBytes` may be, or nobody knows. */
  memoryBudget(device: Device, wantedBytes: number): number | undefined | Promise<number | undefined>;
  /** What is known of its devices from measuring. Default: nothing is kept. */
  findings?: Pick<FindingsCache, 'recall' | 'keep'>;
  /** WGSL language features of the home's implementation. Default: none. */
  languageFeatures?(): ReadonlySet<string> | undefined;
}

/** Opens a source in a runtime's way and loads it. On failure everything opened here is closed again. */
export async function loadIn(runtime: Runtime, source: Source, options: LoadOptions = {}): Promise<LocalLLM> {
  const opened = [await runtime.openGguf(source, options)];
  try {
    const [gguf] = opened as [Gguf];
    if (options.draft !== undefined) opened.push(await runtime.openGguf(options.draft, options));
    const draft = opened[1] && new Draft(opened[1], gguf);
    const header = readHeader(gguf, options.overrides);
    const tokenizer = createTokenizer(gguf.metadata, { onWarning: () => undefined, ...options });
    const chatEncoder = new ChatEncoder(gguf.metadata, tokenizer, options.chatTemplate);
    const loadModels = async (device: Device, how: ModelOptions) => {
      const wanted = wholeBytes(header) + (draft?.wholeBytes ?? 0);
      const budget = how.gpuMemoryBytes ?? (await runtime.memoryBudget(device, wanted));
      if (!draft) return Model.load(header, device, budget, how);
      const taken = await draft.load(device, budget, how);
      const left = budget === undefined ? {} : { gpuMemoryBytes: budget - taken };
      return Model.load(header, device, undefined, { ...how, ...left }).catch(async (error) => {
        await draft.model.close();
        throw error;
      });
    };
    const load = async (device: Device, how: ModelOptions) => {
      await runtime.findings?.recall(device);
      const known = new Set(device.findings.dropped.keys());
      try {
        return await loadModels(device, how);
      } finally {
        await runtime.findings?.keep(device);
        for (const [name, reason] of device.findings.dropped) {
          if (!known.has(name)) options.onWarning?.(`"${name}" does not run on this device from now on: ${reason}`);
        }
      }
    };
    const open = async (how: ModelOptions): Promise<Model> => {
      const device = await runtime.openDevice(options.deviceOptions ?? {});
      return load(device, how).catch((error) => {
        device.destroy();
        if (runtime.findings && error instanceof LostByTrialError) return open(how);
        throw error;
      });
    };
    const given = options.device && adopted(runtime, options.device, options.deviceOptions);
    const { signal, onProgress, ...lasting } = options;
    const reopen = (gpuMemoryBytes?: number) => {
      const why = gpuMemoryBytes === undefined ? 'the GPU device was lost' : 'GPU memory has run out';
      const how = gpuMemoryBytes === undefined ? '' : ', with less of it resident';
      options.onWarning?.(`${why}; the model is loaded again${how}`);
      if (gpuMemoryBytes !== undefined) lasting.gpuMemoryBytes = gpuMemoryBytes;
      return open(lasting);
    };
    const model = await (given ? load(given, options) : open(options));
    const scheduler = new Scheduler(model, options, given ? undefined : reopen, draft?.model);
    return new LocalLLM(opened as [Gguf], tokenizer, chatEncoder, scheduler, !given);
  } catch (error) {
    await Promise.all(opened.map(closeGguf));
    throw error;
  }
}

/** WebGPU's own device, as the engine knows devices. */
function adopted(runtime: Runtime, device: GPUDevice | Device, options: DeviceOptions = {}): Device {
  if ('unlessLost' in device) return device;
  const languageFeatures = runtime.languageFeatures?.();
  return adoptDevice(device, { ...(languageFeatures && { languageFeatures }), ...options });
}
