import { type KvType, kvBytes, pageLength } from '../../kernels/parts/kv.ts';
import { createBuffer, readBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { OutOfMemoryError } from '../gpu/errors.ts';
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
  /** Further places that hold pages, which no step reads: what may be gone on from. Numbered behind the sequences. Default 0. */
  readonly shelves?: number;
  /** Positions of all sequences together, at most; whole pages. */
  readonly contextLength: number;
}

/**
 * Keys and values of several sequences, in pages that are taken as positions come. Sequences that begin alike may share
 * pages; one that writes into a shared page gets a copy first. The buffers begin small and double, up to the context; a
 * layer whose pages outgrow a binding is split by kv heads from the start.
 */
export class KvCache implements KvLayers {
  readonly type: KvType;
  readonly maxPages: number;
  /** Physical pages by sequence and place, [sequences, maxPages]; what the GPU's page table is to hold. */
  readonly pageTable: Uint32Array<ArrayBuffer>;
  /** Grows with every reallocation: plans that bind older buffers are stale. */
  generation = 0;
  /** Grows with every change of the page table. */
  version = 0;
  /** Asked when no page is free: whether some were given back. */
  makeRoom: () => boolean = () => false;
  pageCount: number;
  readonly #device: Device;
  readonly #config: ModelConfig;
  readonly #freePages: number[];
  /** Pages of each sequence, in order. */
  readonly #held: number[][];
  /** How many sequences hold each page. */
  readonly #holders: Uint32Array;
  #layers: LayerGroup[][] = [];
  #scratch: GPUBuffer | undefined;

  private constructor(
    device: Device,
    config: ModelConfig,
    { type, sequences, shelves = 0, contextLength }: KvOptions,
    pages: number,
  ) {
    this.type = type;
    this.maxPages = Math.ceil(contextLength / pageLength);
    this.pageCount = pages;
    this.pageTable = new Uint32Array(sequences * this.maxPages);
    this.#device = device;
    this.#config = config;
    this.#held = Array.from({ length: sequences + shelves }, () => []);
    this.#holders = new Uint32Array(this.maxPages);
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

  /** Positions of the pages that are held. */
  get heldPositions(): number {
    return (this.pageCount - this.#freePages.length) * pageLength;
  }

  /** Whether positions [start, end) of a sequence can be written as things stand. */
  isReserved(sequence: number, start: number, end: number): boolean {
    const held = this.#held[sequence] as number[];
    if (held.length * pageLength < end) return false;
    for (let i = Math.floor(start / pageLength); i < held.length; i++)
      if (this.#isShared(held[i] as number)) return false;
    return true;
  }

  /**
   * Gives `sequence` pages of its own for positions [start, end), those before `start` untouched.
   * `ContextFullError` where the context has no more; what was there stays.
   */
  async reserve(sequence: number, start: number, end: number): Promise<void> {
    const held = this.#held[sequence] as number[];
    const length = Math.ceil(end / pageLength);
    const first = Math.floor(start / pageLength);
    const shared = () => held.slice(first).filter((page) => this.#isShared(page)).length;
    await this.#free(() => shared() + Math.max(0, length - held.length), end);
    const scratch = shared() > 0 ? await this.#scratchPage() : undefined;
    for (let i = first; i < held.length; i++) {
      const page = held[i] as number;
      if (!this.#isShared(page)) continue;
      this.#copyPage(page, this.#take(sequence, i), scratch as GPUBuffer);
      this.#giveBack(page);
    }
    while (held.length < length) this.#take(sequence, held.length);
  }

  /** Makes so many pages free: those that the cache still may grow by, or the oldest that nobody needs. */
  async #free(wanted: () => number, end: number): Promise<void> {
    for (let count = wanted(); count > this.#freePages.length; count = wanted()) {
      const used = this.pageCount - this.#freePages.length;
      if (used + count <= this.maxPages) {
        await this.#growOrMakeRoom(Math.min(this.maxPages, Math.max(2 * this.pageCount, used + count)));
      } else if (!this.makeRoom()) {
        const room = this.maxPages * pageLength;
        throw new ContextFullError(
          `the context holds ${room} positions, and ${end} are wanted: raise the context length, or shorten`,
        );
      }
    }
  }

  async #growOrMakeRoom(pages: number): Promise<void> {
    try {
      await this.#grow(pages);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || !this.makeRoom()) throw error;
    }
  }

  #take(sequence: number, place: number): number {
    const page = this.#freePages.pop() as number;
    this.#holders[page] = 1;
    this.#put(sequence, place, page);
    return page;
  }

  #put(sequence: number, place: number, page: number): void {
    (this.#held[sequence] as number[])[place] = page;
    const entry = sequence * this.maxPages + place;
    if (entry >= this.pageTable.length) return; // a shelf's
    this.pageTable[entry] = page;
    this.version++;
  }

  #isShared(page: number): boolean {
    return (this.#holders[page] as number) > 1;
  }

  #giveBack(page: number): void {
    const left = (this.#holders[page] as number) - 1;
    this.#holders[page] = left;
    if (left === 0) this.#freePages.push(page);
  }

  /** Where position `position` of a sequence stands: page × pageLength + place. Its page must be reserved. */
  slot(sequence: number, position: number): number {
    const page = this.#held[sequence]?.[Math.floor(position / pageLength)] as number;
    return page * pageLength + (position % pageLength);
  }

  /** Gives back the pages behind the first `length` positions. */
  truncate(sequence: number, length: number): void {
    const held = this.#held[sequence] as number[];
    while (held.length > Math.ceil(length / pageLength)) this.#giveBack(held.pop() as number);
  }

  /** Lets `to`, whatever it held, begin with the first `length` positions of `from`: their pages are shared. */
  fork(from: number, to: number, length: number): void {
    const pages = (this.#held[from] as number[]).slice(0, Math.ceil(length / pageLength));
    for (const page of pages) this.#holders[page] = (this.#holders[page] as number) + 1;
    this.truncate(to, 0);
    pages.forEach((page, place) => {
      this.#put(to, place, page);
    });
  }

  /** Bytes of all pages of so many positions. */
  pagesByteLength(length: number): number {
    return Math.ceil(length / pageLength) * pageLength * kvBytesPerPosition(this.#config, this.type);
  }

  /**
   * The pages of a sequence's first `length` positions, which nobody changes meanwhile: by layer, keys before values, page
   * and kv head, whichever buffers these are in.
   */
  async *readPages(sequence: number, length: number): AsyncGenerator<Uint8Array> {
    const pages = (this.#held[sequence] as number[]).slice(0, Math.ceil(length / pageLength));
    for (const { buffer, offset, size } of this.#runs(pages)) {
      yield new Uint8Array(await readBuffer(this.#device, buffer(), offset, size));
    }
  }

  /**
   * Writes what `readPages` gave into the pages that a sequence holds; `read` fills the next bytes. `RangeError` where one
   * of the values is no number: whoever has the page next would be hurt by it.
   */
  async writePages(sequence: number, read: (target: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<void> {
    for (const { buffer, offset, size } of this.#runs(this.#held[sequence] as number[])) {
      const bytes = new Uint8Array(size);
      await read(bytes);
      if (!areNumbers(bytes, this.type, this.#headBytes)) throw new RangeError('a key or a value is no number');
      this.#device.gpu.queue.writeBuffer(buffer(), offset, bytes);
    }
  }

  /** Where pages stand, in the order of `readPages`; the buffers are looked up when it is their turn, since they may grow. */
  *#runs(pages: readonly number[]) {
    for (let layer = 0; layer < this.#layers.length; layer++) {
      for (const kind of ['keys', 'vals'] as const) {
        for (const page of pages) {
          for (let group = 0; group < (this.#layers[layer] as LayerGroup[]).length; group++) {
            const of = () => (this.#layers[layer] as LayerGroup[])[group] as LayerGroup;
            const size = of().heads * this.#headBytes;
            yield { buffer: () => of()[kind].buffer, offset: page * size, size };
          }
        }
      }
    }
  }

  /** A buffer cannot be copied to itself: pages go by way of this one. */
  async #scratchPage(): Promise<GPUBuffer> {
    const most = Math.max(...this.#layers.flat().map(({ heads }) => heads));
    this.#scratch ??= await createBuffer(this.#device, 'kv scratch page', most * this.#headBytes);
    return this.#scratch;
  }

  #copyPage(from: number, to: number, scratch: GPUBuffer): void {
    const encoder = this.#device.gpu.createCommandEncoder({ label: 'kv page' });
    for (const { heads, keys, vals } of this.#layers.flat()) {
      const bytes = heads * this.#headBytes;
      for (const { buffer } of [keys, vals]) {
        encoder.copyBufferToBuffer(buffer, from * bytes, scratch, 0, bytes);
        encoder.copyBufferToBuffer(scratch, 0, buffer, to * bytes, bytes);
      }
    }
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  /** Of one head's keys or values in one page. */
  get #headBytes(): number {
    return pageLength * this.#config.keyLength * kvBytes[this.type];
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
    const { headCountKv, blockCount } = this.#config;
    const headBytes = this.#headBytes;
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
      const bytes = Math.min(keys.buffer.size, newer.keys.buffer.size); // an earlier growth may have ended half way
      encoder.copyBufferToBuffer(keys.buffer, 0, newer.keys.buffer, 0, bytes);
      encoder.copyBufferToBuffer(vals.buffer, 0, newer.vals.buffer, 0, bytes);
    });
    this.#device.gpu.queue.submit([encoder.finish()]);
    destroyGroups(older);
    this.#layers[layer] = groups;
  }

  destroy(): void {
    this.#scratch?.destroy();
    this.#layers.forEach(destroyGroups);
    this.#layers = [];
  }
}

/** Whether pages of heads, each of `headBytes`, hold nothing that is NaN or infinite. */
function areNumbers(bytes: Uint8Array<ArrayBuffer>, type: KvType, headBytes: number): boolean {
  if (type === 'f32') return new Float32Array(bytes.buffer).every(Number.isFinite);
  // of q8_0 the scales, behind the int8 of a head
  const scalesAt = type === 'f16' ? 0 : headBytes / kvBytes.q8_0;
  for (let head = 0; head < bytes.length; head += headBytes) {
    const halves = new Uint16Array(bytes.buffer, head + scalesAt, (headBytes - scalesAt) / 2);
    if (!halves.every((half) => (half & 0x7c00) !== 0x7c00)) return false;
  }
  return true;
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
