/**
 * A model that is larger than its budget. Each byte of context, activations and slots is a byte of weights that every
 * pass reads again, so these begin at the least that works and grow in turn, by doubling, up to what is worth it; then
 * the output matrix and whole layers are pinned; then what is left, less than a layer, goes to the former again.
 */
import { pageLength } from '../../kernels/parts/kv.ts';
import { type MatrixSpec, rowMultiple, type TileLimits, tileBytesOf, tileLayouts } from '../weights/matrix.ts';
import { sum } from './activations.ts';
import type { MemoryOptions, MemoryPlan } from './memory.ts';
import { type Needs, type Portion, tableBytes } from './memory_needs.ts';

/** What grows with the budget. */
interface Sizes {
  readonly chunkLength: number;
  readonly contextLength: number;
  readonly slotCount: number;
  readonly tileBytes: number;
  readonly stagingCount: number;
  readonly stagingBytes: number;
}

/** A pass costs the same for all tokens in it, as long as reading is slower than computing. */
const longestChunk = 2048;
/** From here on a longer pass is worth some of the memory, not all that there is. */
const ordinaryChunk = 512;
const shortestChunk = 16;
/** One tile computes while the next arrives; more even out the times that reading takes. */
const leastSlots = 2;
const mostSlots = 4;
const mostTileBytes = 64 * 2 ** 20;
/** A smaller one costs as much to bring as this. */
const fewestTileBytes = 2 ** 18;
/** Each tile has bind groups of its own, which take the host's memory and time. */
const mostTiles = 1024;

/** Shares of the budget, beside which layers are pinned: of all that grows, of KV, of passes longer than ordinary. */
const grownShare = 1 / 4;
const kvShare = 1 / 8;
const longChunkShare = 1 / 16;
/** At most so much more is streamed for the sake of what grows, as a share of what is streamed at least … */
const streamedMoreShare = 1 / 4;
/** … or of the budget, where little is streamed. */
const leastGrownShare = 1 / 16;
/** Of what grows, what a page for each sequence may take. */
const sequencesShare = 1 / 2;
/** KV's where whole layers leave room. */
const leftKvShare = 1 / 4;

/** The plan, or the smallest budget that there is one for. */
export function planStreamed(
  needs: Needs,
  budgetBytes: number,
  options: MemoryOptions,
): { readonly plan: MemoryPlan } | { readonly leastBytes: number } {
  const { embeddings, output = embeddings, layers } = needs;
  const portions = [...layers, output];
  const specs = portions.flatMap((portion) => portion.specs);
  const slots = new Slots(specs, options.limits);
  const grownBytes = ({ chunkLength, contextLength, ...sizes }: Sizes) =>
    needs.activationBytes(chunkLength, contextLength) +
    needs.kvPeakBytes(contextLength) +
    slots.bytes(sizes.slotCount, sizes.tileBytes) +
    sizes.stagingCount * sizes.stagingBytes;

  const least = leastSizes(needs, slots, options);
  const leastBytes = needs.vectorBytes + grownBytes(least);
  if (leastBytes > budgetBytes) return { leastBytes };

  const room = budgetBytes - needs.vectorBytes;
  const streamedBytes = sum(portions.map(({ bytes }) => bytes)) - (budgetBytes - leastBytes);
  const more = Math.min(
    budgetBytes * grownShare,
    Math.max(budgetBytes * leastGrownShare, streamedBytes * streamedMoreShare),
  );
  const ladder = { needs, options, grownBytes };
  const spareBytes = Math.min(budgetBytes - leastBytes, more);
  const mostBytes = leastBytes - needs.vectorBytes + spareBytes;
  const first = withPageEach(least, ladder, Math.min(spareBytes * sequencesShare, budgetBytes * kvShare));
  const beside = grown(first, ladder, mostBytes, {
    kvBytes: budgetBytes * kvShare,
    longChunkBytes: budgetBytes * longChunkShare,
  });
  const { pinned, streamed, streamedLayers } = pin(layers, output, room - grownBytes(beside));
  const pinnedBytes = sum(pinned.map(({ bytes }) => bytes));
  const kvBytes = budgetBytes * leftKvShare;
  const full = grown(beside, ladder, room - pinnedBytes, { kvBytes, longChunkBytes: Number.POSITIVE_INFINITY });
  const sizes = { ...full, contextLength: filledContext(full, ladder, room - pinnedBytes - grownBytes(full), kvBytes) };
  const { chunkLength, contextLength, slotCount, tileBytes, stagingCount, stagingBytes } = sizes;
  const streamedSpecs = streamed.flatMap((portion) => portion.specs);
  const plan: MemoryPlan = {
    weightBytes: needs.vectorBytes + pinnedBytes,
    hostEmbeddings: needs.output !== undefined || streamed.includes(output),
    contextLength,
    kvBytes: needs.kvBytes(contextLength),
    chunkLength,
    activationBytes: needs.activationBytes(chunkLength, contextLength),
    residentLayers: layers.length - streamedLayers,
    streamedLayers,
    streamed: new Set(streamedSpecs.map(({ name }) => name)),
    tileBytes,
    slotCount,
    stagingCount,
    stagingBytes,
    bytesPerPass: sum(streamed.map(({ fileBytes }) => fileBytes)),
    gpuBytes: needs.vectorBytes + pinnedBytes + grownBytes(sizes),
    hostBytes: stagingCount * stagingBytes,
  };
  return { plan };
}

function leastSizes(needs: Needs, slots: Slots, { chunkLength = shortestChunk }: MemoryOptions): Sizes {
  return {
    chunkLength: Math.min(shortestChunk, chunkLength),
    contextLength: needs.leastContext,
    slotCount: leastSlots,
    tileBytes: slots.leastTileBytes,
    ...needs.leastRing,
  };
}

/** A page for each of the sequences, as many as fit: who shares a pass pays nothing for it. */
function withPageEach(sizes: Sizes, ladder: Ladder, spareBytes: number): Sizes {
  const filled = filledContext(sizes, ladder, spareBytes, Number.POSITIVE_INFINITY);
  const wanted = Math.min(filled, ladder.options.sequences * pageLength);
  return { ...sizes, contextLength: Math.max(sizes.contextLength, wanted) };
}

interface Ladder {
  readonly needs: Needs;
  readonly options: MemoryOptions;
  grownBytes(sizes: Sizes): number;
}

/** The sizes a step further, in turn, as long as they stay within `limitBytes` and within what each is worth. */
function grown(
  from: Sizes,
  { needs, options, grownBytes }: Ladder,
  limitBytes: number,
  worth: { readonly kvBytes: number; readonly longChunkBytes: number },
): Sizes {
  const { trainedContext, bestRing } = needs;
  const longest = Math.min(longestChunk, options.chunkLength ?? longestChunk);
  const mostContext = options.contextLength ?? trainedContext;
  const longerChunk = ({ chunkLength, contextLength }: Sizes) => {
    const longer = Math.min(2 * chunkLength, longest, Math.max(chunkLength, contextLength));
    const isWorthIt = longer <= ordinaryChunk || needs.activationBytes(longer, contextLength) <= worth.longChunkBytes;
    return isWorthIt ? { chunkLength: longer } : {};
  };
  const moreSlots = ({ slotCount, tileBytes }: Sizes) =>
    slotCount < mostSlots
      ? { slotCount: slotCount + 1 }
      : { tileBytes: Math.max(tileBytes, Math.min(2 * tileBytes, mostTileBytes)) };
  const moreStaging = ({ stagingCount, stagingBytes }: Sizes) =>
    stagingCount < bestRing.stagingCount
      ? { stagingCount: stagingCount + 1 }
      : { stagingBytes: Math.min(2 * stagingBytes, bestRing.stagingBytes) };
  const longerContext = ({ contextLength }: Sizes) => {
    const longer = Math.max(contextLength, Math.min(2 * contextLength, mostContext));
    return needs.kvPeakBytes(longer) <= worth.kvBytes ? { contextLength: longer } : {};
  };
  // Twice the chunk is half the passes of a prompt: it goes first, by two steps at a time.
  const steps: ((sizes: Sizes) => Partial<Sizes>)[] = [longerChunk, longerChunk, moreSlots, moreStaging, longerContext];
  let sizes = from;
  for (let isGrowing = true; isGrowing; ) {
    const before = sizes;
    for (const step of steps) {
      const next = { ...sizes, ...step(sizes) };
      const isLarger = Object.entries(next).some(([name, size]) => size > sizes[name as keyof Sizes]);
      if (isLarger && grownBytes(next) <= limitBytes) sizes = next;
    }
    isGrowing = sizes !== before;
  }
  return sizes;
}

/** By whole pages, as many as are left. */
function filledContext({ contextLength }: Sizes, { needs, options }: Ladder, spareBytes: number, kvBytes: number) {
  if (options.contextLength !== undefined) return contextLength;
  const room = Math.min(spareBytes, kvBytes - needs.kvPeakBytes(contextLength));
  return Math.min(needs.trainedContext, contextLength + needs.pagesWithin(room) * pageLength);
}

/** The output matrix where it fits, then as many whole layers as fit, the streamed ones spread between them. */
function pin(layers: readonly Portion[], output: Portion, roomBytes: number) {
  const pinsOutput = output.bytes <= roomBytes;
  const room = roomBytes - (pinsOutput ? output.bytes : 0);
  const bytesOf = (streamed: ReadonlySet<number>) => sum(layers.map(({ bytes }, i) => (streamed.has(i) ? 0 : bytes)));
  let count = 0;
  while (bytesOf(spread(count, layers.length)) > room) count++;
  const isStreamed = spread(count, layers.length);
  const pinned = layers.filter((_, i) => !isStreamed.has(i));
  const streamed = layers.filter((_, i) => isStreamed.has(i));
  (pinsOutput ? pinned : streamed).push(output);
  return { pinned, streamed, streamedLayers: count };
}

/** `count` of `length` places, as evenly as whole numbers allow. */
export function spread(count: number, length: number): ReadonlySet<number> {
  return new Set(Array.from({ length: count }, (_, i) => Math.floor(((2 * i + 1) * length) / (2 * count))));
}

/** What streamed matrices take of the GPU. */
class Slots {
  readonly #specs: readonly MatrixSpec[];
  /** One of each shape: all of them are split alike. */
  readonly #shapes: ReadonlyMap<string, MatrixSpec>;
  readonly #limits: TileLimits;

  constructor(specs: readonly MatrixSpec[], limits: TileLimits) {
    this.#specs = specs;
    this.#shapes = new Map(specs.map((spec) => [shapeOf(spec), spec]));
    this.#limits = limits;
  }

  /** Rows for whole workgroups of the widest matrix, and no more tiles than there may be. */
  get leastTileBytes(): number {
    const rowsBytes = Math.max(...[...this.#shapes.values()].map((spec) => tileBytesOf(spec, rowMultiple)));
    const allBytes = sum(this.#specs.map((spec) => tileBytesOf(spec, spec.rowCount)));
    return Math.max(rowsBytes, fewestTileBytes, Math.min(mostTileBytes, Math.ceil(allBytes / mostTiles)));
  }

  /** Of so many slots for the largest tile, and of the tables of all tiles. */
  bytes(count: number, tileBytes: number): number {
    const byShape = new Map<string, number>();
    let largest = 0;
    for (const [shape, spec] of this.#shapes) {
      const layouts = tileLayouts(spec, this.#limits, tileBytes);
      byShape.set(shape, tableBytes(layouts.length));
      for (const { byteLength } of layouts) largest = Math.max(largest, byteLength);
    }
    return count * largest + sum(this.#specs.map((spec) => byShape.get(shapeOf(spec)) as number));
  }
}

function shapeOf({ rowLength, rowCount, parts }: MatrixSpec): string {
  return [rowLength, rowCount, ...parts.map(({ tensor }) => tensor.type.name)].join(' ');
}
