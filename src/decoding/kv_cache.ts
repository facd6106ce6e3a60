import { type KvType, kvBytes, pageLength } from '../../kernels/parts/kv.ts';
import { createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { ModelConfig } from '../models/config.ts';
import type { KvGroup, KvLayers } from '../models/graph.ts';
import { kvBytesPerPosition } from '../models/memory.ts';

/** More positions are wanted than the context holds. */
export class ContextFullError extends Error {
  override name = 'ContextFullError';
}

interface LayerGroup extends KvGroup {
  readonly keys: { buffer: GPUBuffer };
  readonly vals: { buffer: GPUBuffer };
}

export interface KvOptions {
  readonly type: KvType;
  readonly sequences: number;
  /** Positions of all sequences together, at most; whole pages. */
  readonly contextLength: number;
}

/**
 * Keys and values of several sequences, in pages that are taken as positions come. The buffers begin small and double,
 * up to the context; a layer whose pages outgrow a binding is split by kv heads from the start.
 */
export class KvCache implements KvLayers {
  readonly type: KvType;
  readonly maxPages: number;
  /** Physical pages by sequence and place, [sequences, maxPages]; what the GPU's page table is to hold. */
  readonly pageTable: Uint32Array<ArrayBuffer>;
  /** Grows with every reallocation: plans that bind older buffers are stale. */
  generation = 0;
  pageCount: number;
  readonly #device: Device;
  readonly #config: ModelConfig;
  readonly #sequences: number;
  readonly #freePages: number[];
  /** Pages of each sequence, in order. */
  readonly #held: number[][];
  #layers: LayerGroup[][] = [];

  private constructor(
    device: Device,
    config: ModelConfig,
    { type, sequences, contextLength }: KvOptions,
    pages: number,
  ) {
    this.type = type;
    this.maxPages = Math.ceil(contextLength / pageLength);
    this.pageCount = pages;
    this.pageTable = new Uint32Array(sequences * this.maxPages);
    this.#device = device;
    this.#config = config;
    this.#sequences = sequences;
    this.#held = Array.from({ length: sequences }, () => []);
    this.#freePages = descending(0, pages);
  }

  static async create(device: Device, config: ModelConfig, options: KvOptions): Promise<KvCache> {
    const pages = Math.min(initialPages, Math.ceil(options.contextLength / pageLength));
    const cache = new KvCache(device, config, options, pages);
    try {
      await cache.#allocate(pages);
    } catch (error) {
      cache.destroy();
      throw error;
    }
    return cache;
  }

  get layers(): readonly (readonly KvGroup[])[] {
    return this.#layers;
  }

  /** Bytes of GPU memory in use. */
  get byteLength(): number {
    return this.pageCount * pageLength * kvBytesPerPosition(this.#config, this.type);
  }

  /**
   * Takes pages until `sequence` has room for `length` positions; true if the page table changed.
   * `ContextFullError` where the context has no more; what was there stays.
   */
  async reserve(sequence: number, length: number): Promise<boolean> {
    const held = this.#held[sequence] as number[];
    const wanted = Math.ceil(length / pageLength) - held.length;
    if (wanted <= 0) return false;
    const used = this.pageCount - this.#freePages.length;
    if (used + wanted > this.maxPages) {
      const room = this.maxPages * pageLength;
      throw new ContextFullError(
        `the context holds ${room} positions, and ${length} are wanted: raise --context, or shorten`,
      );
    }
    if (wanted > this.#freePages.length)
      await this.#grow(Math.min(this.maxPages, Math.max(2 * this.pageCount, used + wanted)));
    for (let i = 0; i < wanted; i++) {
      const page = this.#freePages.pop() as number;
      this.pageTable[sequence * this.maxPages + held.length] = page;
      held.push(page);
    }
    return true;
  }

  /** Where position `position` of a sequence stands: page × pageLength + place. Its page must be reserved. */
  slot(sequence: number, position: number): number {
    const page = this.#held[sequence]?.[Math.floor(position / pageLength)] as number;
    return page * pageLength + (position % pageLength);
  }

  /** Gives back the pages behind the first `length` positions. */
  truncate(sequence: number, length: number): void {
    const held = this.#held[sequence] as number[];
    while (held.length > Math.ceil(length / pageLength)) this.#freePages.push(held.pop() as number);
  }

  async #grow(pages: number): Promise<void> {
    const older = this.pageCount;
    this.generation++; // also where memory ends half way: the layers done so far have moved
    await this.#allocate(pages);
    this.#freePages.unshift(...descending(older, pages));
    this.pageCount = pages;
  }

  /** Buffers for `pages` pages, layer by layer, with what the present ones hold. */
  async #allocate(pages: number): Promise<void> {
    const { headCountKv, keyLength, blockCount } = this.#config;
    const headBytes = pageLength * keyLength * kvBytes[this.type];
    const perGroup = headsPerGroup(this.#device, this.maxPages * headBytes, headCountKv);
    for (let layer = 0; layer < blockCount; layer++) {
      const groups: LayerGroup[] = [];
      try {
        for (let headStart = 0; headStart < headCountKv; headStart += perGroup) {
          const heads = Math.min(perGroup, headCountKv - headStart);
          const label = `kv of layer ${layer}, heads ${headStart}–${headStart + heads - 1}`;
          groups.push({ headStart, heads, ...(await createPages(this.#device, label, pages * heads * headBytes)) });
        }
      } catch (error) {
        destroyGroups(groups);
        throw error;
      }
      this.#replace(layer, groups);
    }
  }

  #replace(layer: number, groups: LayerGroup[]): void {
    const encoder = this.#device.gpu.createCommandEncoder({ label: 'kv growth' });
    const older = this.#layers[layer] ?? [];
    older.forEach(({ keys, vals }, i) => {
      const newer = groups[i] as LayerGroup;
      encoder.copyBufferToBuffer(keys.buffer, 0, newer.keys.buffer, 0, keys.buffer.size);
      encoder.copyBufferToBuffer(vals.buffer, 0, newer.vals.buffer, 0, vals.buffer.size);
    });
    this.#device.gpu.queue.submit([encoder.finish()]);
    destroyGroups(older);
    this.#layers[layer] = groups;
  }

  /** Forgets all sequences. */
  clear(): void {
    for (let sequence = 0; sequence < this.#sequences; sequence++) this.truncate(sequence, 0);
  }

  destroy(): void {
    this.#layers.forEach(destroyGroups);
    this.#layers = [];
  }
}

/** Pages to begin with: a short chat. */
const initialPages = 4;

/** Pages from the highest down, so that `pop` takes the lowest: one sequence alone gets the identity table. */
function descending(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => to - 1 - i);
}

/** Heads whose keys, at the full context, one binding holds. */
function headsPerGroup({ limits }: Device, headBytes: number, headCountKv: number): number {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  return Math.max(1, Math.min(headCountKv, Math.floor(most / headBytes)));
}

async function createPages(device: Device, label: string, byteLength: number) {
  const keys = await createBuffer(device, `${label}: keys`, byteLength);
  try {
    const vals = await createBuffer(device, `${label}: values`, byteLength);
    return { keys: { buffer: keys }, vals: { buffer: vals } };
  } catch (error) {
    keys.destroy();
    throw error;
  }
}

function destroyGroups(groups: readonly LayerGroup[]): void {
  for (const { keys, vals } of groups) {
    keys.buffer.destroy();
    vals.buffer.destroy();
  }
}
