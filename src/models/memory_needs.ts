import { pageLength } from '../../kernels/parts/kv.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import type { TensorInfo } from '../gguf/gguf.ts';
import { offsetAlignment } from '../gpu/limits.ts';
import { type MatrixSpec, rowLengthOf, rowsOf, type TileLimits, tileLayouts } from '../weights/matrix.ts';
import { activationBytes, type PlannedModel, sum } from './activations.ts';
import type { MemoryOptions } from './memory.ts';
import { stepLimits } from './step.ts';

/** Matrices that are resident or streamed together: a layer's, token_embd, the output's. */
export interface Portion {
  readonly specs: readonly MatrixSpec[];
  /** Where they are resident. */
  readonly bytes: number;
  /** Of their tensors in the file. */
  readonly fileBytes: number;
}

/** Buffers of the upload ring, in bytes. */
export interface Ring {
  readonly stagingCount: number;
  readonly stagingBytes: number;
}

/** What each part of a model takes, in bytes. */
export interface Needs {
  readonly embeddings: Portion;
  /** Absent where the embeddings are the output as well. */
  readonly output: Portion | undefined;
  readonly layers: readonly Portion[];
  readonly vectorBytes: number;
  readonly trainedContext: number;
  /** The context asked for, or the shortest one worth running with. */
  readonly leastContext: number;
  /** Of one page of positions, in all layers. */
  readonly kvPageBytes: number;
  kvBytes(contextLength: number): number;
  /** The cache grows layer by layer: of one, the older half stands beside the newer buffers. */
  kvPeakBytes(contextLength: number): number;
  activationBytes(chunkLength: number, contextLength: number): number;
  /** Pages whose keys and values, and whose share of the activations, fit. */
  pagesWithin(bytes: number): number;
  readonly leastRing: Ring;
  readonly bestRing: Ring;
  /** The largest ring of at most so many bytes on each side; `leastRing` where none is so small. */
  ringWithin(bytes: number): Ring;
}

/** The shortest context worth running with: a prompt and an answer. */
const smallestContext = 512;
/** Large reads, several in flight, and little beside any model. */
const bestStagingCount = 4;
const bestStagingBytes = 16 * 2 ** 20;
/** Smaller reads are many, and cost as much each. */
const leastStagingBytes = 2 ** 16;
const mostPieces = 4096;
/** One piece is read while another is copied. */
const leastStagingCount = 2;
/** Uniforms of tiles, and the matrices' counters of flaws, stand in tables. */
const tableStride = offsetAlignment;

export function needsOf(model: PlannedModel, options: MemoryOptions, bytesPerPosition: number): Needs {
  const { config, tensors } = model;
  const { limits, kvType, precision, sequences } = options;
  const leastContext = options.contextLength ?? Math.min(config.contextLength, smallestContext);
  const portion = (specs: readonly MatrixSpec[]): Portion => ({
    specs,
    bytes: sum(specs.map((spec) => matrixBytes(spec, limits))),
    fileBytes: sum(tensorsOf(specs).map(({ byteLength }) => byteLength)),
  });

  const kvPageBytes = bytesPerPosition * pageLength;
  const kvBytes = (contextLength: number) => Math.ceil(contextLength / pageLength) * kvPageBytes;
  const growth = 1 + 1 / (2 * config.blockCount);
  const byChunk = new Map<number, number>();
  const activations = (chunkLength: number, pages: number) => {
    const steps = { chunkLength, sequences, contextLength: pages * pageLength };
    return activationBytes(model, stepLimits(config, steps), kvType, precision);
  };
  const withoutPages = (chunkLength: number) => {
    const known = byChunk.get(chunkLength) ?? activations(chunkLength, 0);
    byChunk.set(chunkLength, known);
    return known;
  };
  const activationPageBytes = activations(1, 2) - activations(1, 1);

  const all = tensorsOf([tensors.embeddings, ...tensors.matrices, ...(tensors.output ? [tensors.output] : [])]);
  const longestRow = Math.max(...all.map((tensor) => tensor.byteLength / rowsOf(tensor)));
  const largest = Math.max(...all.map(({ byteLength }) => byteLength));
  const allBytes = sum(all.map(({ byteLength }) => byteLength));
  const leastBytes = Math.max(longestRow, leastStagingBytes, Math.min(bestStagingBytes, allBytes / mostPieces));
  const leastRing = { stagingCount: leastStagingCount, stagingBytes: wholeWords(leastBytes) };
  const bestBytes = Math.max(leastBytes, Math.min(largest, bestStagingBytes));
  const bestRing = { stagingCount: bestStagingCount, stagingBytes: wholeWords(bestBytes) };

  return {
    embeddings: portion([tensors.embeddings]),
    output: tensors.output && portion([tensors.output]),
    layers: layersOf(tensors.matrices).map(portion),
    vectorBytes: sum(tensors.vectors.map((vector) => paddedLength(rowLengthOf(vector)) * 4)),
    trainedContext: config.contextLength,
    leastContext,
    kvPageBytes,
    kvBytes,
    kvPeakBytes: (contextLength) => Math.ceil(kvBytes(contextLength) * growth),
    activationBytes: (chunkLength, contextLength) =>
      withoutPages(chunkLength) + Math.ceil(contextLength / pageLength) * activationPageBytes,
    pagesWithin: (bytes) => Math.max(0, Math.floor((bytes - 1) / (kvPageBytes * growth + activationPageBytes))),
    leastRing,
    bestRing,
    ringWithin(bytes) {
      const stagingBytes = 8 * Math.floor(Math.min(bytes / bestStagingCount, bestRing.stagingBytes) / 8);
      return stagingBytes < leastRing.stagingBytes ? leastRing : { stagingCount: bestStagingCount, stagingBytes };
    },
  };
}

/** Matrices by layer, in the order of layers. */
function layersOf(matrices: readonly MatrixSpec[]): MatrixSpec[][] {
  const byLayer = Map.groupBy(matrices, ({ name }) => /^blk\.\d+\./.exec(name)?.[0]);
  return [...byLayer.values()];
}

function tensorsOf(specs: readonly MatrixSpec[]): TensorInfo[] {
  return specs.flatMap(({ parts }) => parts.map(({ tensor }) => tensor));
}

/** A resident matrix on the GPU, with what is kept of it and of its tiles. */
function matrixBytes(spec: MatrixSpec, limits: TileLimits): number {
  const tiles = tileLayouts(spec, limits);
  return sum(tiles.map(({ byteLength }) => byteLength)) + tableBytes(tiles.length);
}

/** What is kept of a matrix of so many tiles, beside its weights. */
export function tableBytes(tileCount: number): number {
  return (tileCount + 1) * tableStride;
}

/** Bytes of whole words of a mapping. */
function wholeWords(byteLength: number): number {
  return 8 * Math.ceil(byteLength / 8);
}
