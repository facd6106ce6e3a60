/** What a person wants to know of a file before its weights are fetched: what it is, and how it would run here. */
import { closeGguf } from '../../src/gguf/open.ts';
import { adapterName } from '../../src/gpu/device.ts';
import { type Gguf, MemoryError, type SamplingOptions } from '../../src/index.ts';
import { type InspectedPlan, planFile } from '../../src/inspect/plan.ts';
import { summarize, type TypeShare } from '../../src/inspect/summary.ts';
import { memoryBudget, openBrowserDevice, openModel } from '../../src/runtime/browser.ts';
import type { HomeDeviceOptions } from '../../src/runtime/home.ts';
import type { Source } from '../../src/runtime/model_source.ts';

export interface Inspection {
  /** `general.name`, or the file's. */
  readonly name: string;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly types: readonly TypeShare[];
  /** Of all files, in bytes. */
  readonly byteLength: number;
  readonly fileCount: number;
  readonly contextLength: number | undefined;
  readonly license: string | undefined;
  readonly hasChatTemplate: boolean;
  /** What the file recommends (`general.sampling.*`). */
  readonly sampling: SamplingOptions;
  /** What keeps it from running anywhere; null where nothing does. */
  readonly obstacle: string | null;
  readonly gpu: GpuFacts | { readonly error: string };
  /** How it would run on this GPU; an error where it would not. */
  readonly plan: InspectedPlan | { readonly error: string } | null;
}

export interface GpuFacts {
  readonly adapter: string;
  readonly isSoftware: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export interface InspectOptions {
  readonly signal: AbortSignal;
  readonly deviceOptions: HomeDeviceOptions;
  /** Its bytes are here already: how fast they are read may be measured. */
  readonly isLocal: boolean;
}

export async function inspect(source: Source, { signal, deviceOptions, isLocal }: InspectOptions): Promise<Inspection> {
  const gguf = await openModel(source, { store: 'known', signal });
  try {
    const summary = await summarize(gguf);
    const how = await howItRuns(gguf, summary.obstacle === null, deviceOptions, isLocal);
    return {
      name: summary.name || fileName(gguf.sources[0]!.name),
      architecture: summary.architecture ?? '?',
      parameterCount: summary.parameterCount,
      types: summary.types,
      byteLength: gguf.sources.reduce((sum, { byteLength }) => sum + byteLength, 0),
      fileCount: gguf.sources.length,
      contextLength: summary.contextLength,
      license: summary.license,
      hasChatTemplate: Object.keys(summary.chatTemplates).length > 0,
      sampling: recommended(gguf),
      obstacle: summary.obstacle,
      ...how,
    };
  } finally {
    await closeGguf(gguf);
  }
}

async function howItRuns(
  gguf: Gguf,
  isRunnable: boolean,
  deviceOptions: HomeDeviceOptions,
  isLocal: boolean,
): Promise<Pick<Inspection, 'gpu' | 'plan'>> {
  const opened = await openBrowserDevice(deviceOptions).catch((error: Error) => ({ error: error.message }));
  if ('error' in opened) return { gpu: opened, plan: null };
  try {
    const { info, limits, features } = opened;
    const { subgroupMinSize, subgroupMaxSize, ...flags } = features;
    const gpu = {
      adapter: adapterName(info),
      isSoftware: info.isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(adapterName(info)),
      features: Object.entries(flags).flatMap(([name, has]) => (has ? [name] : [])),
      limits: { ...limits },
    };
    const bytes = gguf.sources.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const budget = await memoryBudget(opened, bytes);
    const options = { kvType: 'f16' as const, limits, ...(budget !== undefined && { gpuMemoryBytes: budget }) };
    return { gpu, plan: await planFile(gguf, options, { isRunnable, isLocal }).catch(refused) };
  } finally {
    opened.destroy();
  }
}

function refused(error: Error): { error: string } {
  if (error instanceof MemoryError) return { error: error.message };
  throw error;
}

/** By our names; what the file does not say is left out. */
const samplingKeys = {
  temp: 'temperature',
  top_k: 'topK',
  top_p: 'topP',
  min_p: 'minP',
  penalty_repeat: 'repeatPenalty',
  penalty_last_n: 'repeatLastN',
} as const satisfies Record<string, keyof SamplingOptions>;

function recommended({ metadata }: Gguf): SamplingOptions {
  const found = Object.entries(samplingKeys).flatMap(([key, name]) => {
    const value = metadata.get(`general.sampling.${key}`);
    return typeof value === 'number' && Number.isFinite(value) ? [[name, Number(value.toPrecision(6))]] : [];
  });
  return Object.fromEntries(found);
}

function fileName(name: string): string {
  return name
    .split(/[/\\]/)
    .at(-1)!
    .replace(/[?#].*$/, '');
}
