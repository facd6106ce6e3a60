/** Where the parts of a file's model would go under a budget, and how fast a pass can be at best. */
import { type KvType, kvBytes as kvTypes } from '../../kernels/parts/kv.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { leastLimits } from '../gpu/limits.ts';
import { readHeader } from '../models/load.ts';
import { kvBytesPerPosition, type MemoryPlan, planMemory } from '../models/memory.ts';
import type { TileLimits } from '../weights/matrix.ts';
import { bytesReadByPass, estimateMemory, type MemoryEstimate } from './estimate.ts';
import { assumedLink, type Link, measureLink } from './link.ts';

export interface PlanOptions {
  readonly kvType: KvType;
  readonly gpuMemoryBytes?: number;
  readonly contextLength?: number;
  /** Of the device, where it is known. Default: WebGPU's least. */
  readonly limits?: TileLimits;
}

/** A plan for a device that is not known, or an estimate for a model that cannot run. */
export type InspectedPlan = (Planned | (MemoryEstimate & { readonly estimated: true })) & {
  readonly kvType: KvType;
};

export interface Planned extends Omit<MemoryPlan, 'streamed'> {
  readonly estimated: false;
  readonly kvBytesPerToken: number;
  /**
   * What one pass reads over its narrowest link: of the files where layers are streamed, of GPU memory where all are
   * resident.
   */
  readonly bytesPerPass: number;
  /** What streamed bytes come by, and the least that a pass takes for it; absent where nothing is streamed. */
  readonly link?: Link;
  readonly secondsPerPass?: number;
}

export function isKvType(name: string): name is KvType {
  return Object.hasOwn(kvTypes, name);
}

/** `isRunnable`: the engine reads its header. `isLocal`: its files are on this machine, and may be timed. */
export async function planFile(
  gguf: Gguf,
  options: PlanOptions,
  { isRunnable, isLocal }: { isRunnable: boolean; isLocal: boolean },
): Promise<InspectedPlan> {
  const { kvType, gpuMemoryBytes: budgetBytes, contextLength, limits = leastLimits } = options;
  if (!isRunnable) return { ...estimateMemory(gguf, options), kvType, estimated: true };
  const header = readHeader(gguf);
  const form = { limits, kvType, precision: 'fast', sequences: 1 } as const;
  const { streamed, ...planned } = planMemory(header, { ...form, budgetBytes, contextLength });
  const kvBytesPerToken = kvBytesPerPosition(header.config, kvType);
  const plan = { ...planned, kvType, kvBytesPerToken, estimated: false } as const;
  if (streamed.size === 0) return { ...plan, bytesPerPass: bytesReadByPass(gguf) };

  const { matrices, embeddings, output = embeddings } = header.tensors;
  const parts = [...matrices, output].filter(({ name }) => streamed.has(name)).flatMap((spec) => spec.parts);
  const link = isLocal ? await measureLink(parts.map(({ tensor }) => tensor)) : assumedLink;
  return { ...plan, link, secondsPerPass: plan.bytesPerPass / link.bytesPerSecond };
}
