import type { ActivationFormat } from '../../kernels/parts/activation.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import type { TensorInfo } from '../gguf/gguf.ts';
import { readBytes } from '../gguf/source.ts';
import { type BufferRange, createBuffer, readBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { offsetAlignment } from '../gpu/limits.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { HostCache } from './host_cache.ts';
import {
  blockTypeOf,
  type Matrix,
  type MatrixSpec,
  type RowTile,
  type TileForm,
  tileLayouts,
  WeightsError,
} from './matrix.ts';
import { type Piece, piecesOf } from './piece.ts';
import { type StreamedTile, TileStream } from './stream.ts';
import { fasterForm } from './streamed_form.ts';
import { createLanes, upload } from './upload_ring.ts';

/** How far loading has come. */
export interface LoadProgress {
  /** `download`: files that are fetched whole, and first, into storage or memory; `weights`: tensors to the GPU. */
  readonly stage: 'download' | 'weights';
  /** Of this stage, in bytes. */
  readonly doneBytes: number;
  /** Of this stage, in bytes; undefined where the server does not say. */
  readonly totalBytes: number | undefined;
}

export interface WeightsOptions {
  signal?: AbortSignal;
  onProgress?(progress: LoadProgress): void;
}

/** Where weights go, decided before. Sizes in bytes. */
export interface Placement {
  /** Matrices that come anew in every pass; all others stay on the GPU. */
  readonly streamed: ReadonlySet<string>;
  /** Of a streamed tile, at most. */
  readonly tileBytes: number;
  /** Streamed tiles that are on the GPU at once. */
  readonly slotCount: number;
  /** The upload ring: pieces that are read at once, and how large they are at most. */
  readonly stagingCount: number;
  readonly stagingBytes: number;
  /** Host memory in which streamed tiles are kept. */
  readonly cacheBytes: number;
  /** What streamed tiles are made of, where their type and shape leave a choice; undefined: what is faster here. */
  readonly streamedForm: TileForm | undefined;
  /** What tiles of int8 blocks are multiplied with. */
  readonly activation: ActivationFormat;
}

/** All of a model's weights, by the names of their specs: on the GPU, or on their way to it in every pass. */
export interface Weights {
  matrix(name: string): Matrix;
  find(name: string): Matrix | undefined;
  /** A vector of f32, zeros behind it up to its padded length. */
  vector(name: string): GPUBuffer;
  findVector(name: string): GPUBuffer | undefined;
  /** What brings the streamed ones; undefined where all are resident. */
  readonly stream: TileStream | undefined;
  /** Buffers that streamed tiles take in turns; what is in them nobody needs before the first pass. */
  readonly slots: readonly GPUBuffer[];
  /** GPU memory that they take. */
  readonly byteLength: number;
  /** Frees all of it, once nobody reads any more. */
  destroy(): Promise<void>;
}

/** Bytes between two counters in the buffer of flaws, and between two uniforms of tiles. */
const stride = offsetAlignment;

/** Uploads matrices and vectors. On any failure, and on abort, all that was made so far is freed. */
export async function loadWeights(
  device: Device,
  pipelines: Pipelines,
  matrices: readonly MatrixSpec[],
  vectors: readonly TensorInfo[],
  placement: Placement,
  { signal, onProgress }: WeightsOptions = {},
): Promise<Weights> {
  const made = new Made(device);
  try {
    const vectorBuffers = new Map<string, GPUBuffer>();
    for (const tensor of vectors) {
      signal?.throwIfAborted();
      vectorBuffers.set(tensor.name, await uploadVector(device, tensor, made));
    }
    const streamedForm = placement.streamedForm ?? (await measuredForm(device, pipelines, matrices, placement));
    const { loaded, resident, streamed, slots, refuseFlaws } = await placeTiles(
      device,
      matrices,
      placement,
      streamedForm,
      made,
    );
    const totalBytes = resident.reduce((sum, { byteLength }) => sum + byteLength, 0);
    let doneBytes = 0;
    await upload(device, pipelines, resident, placement.stagingCount, signal, ({ byteLength }) => {
      doneBytes += byteLength;
      onProgress?.({ stage: 'weights', doneBytes, totalBytes });
    });
    await refuseFlaws();
    const stream = streamed.length > 0 ? await openStream(device, pipelines, streamed, placement, made) : undefined;
    return {
      matrix: (name) => present(loaded, name),
      find: (name) => loaded.get(name),
      vector: (name) => present(vectorBuffers, name),
      findVector: (name) => vectorBuffers.get(name),
      stream,
      slots,
      byteLength: made.byteLength,
      async destroy() {
        await stream?.close(); // a read may be on its way into mapped memory
        made.destroy();
      },
    };
  } catch (error) {
    made.destroy();
    throw error;
  }
}

function present<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const found = loaded.get(name);
  if (found === undefined) throw new WeightsError(`tensor ${name} was not loaded`);
  return found;
}

/** What was made so far, to be freed together. */
class Made {
  readonly #device: Device;
  readonly #made: { destroy(): void }[] = [];
  byteLength = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  async buffer(label: string, byteLength: number, usage?: 'uniform'): Promise<GPUBuffer> {
    const buffer = this.own(await createBuffer(this.#device, label, byteLength, usage));
    this.byteLength += buffer.size;
    return buffer;
  }

  own<T extends { destroy(): void }>(resource: T): T {
    this.#made.push(resource);
    return resource;
  }

  destroy(): void {
    for (const resource of this.#made) resource.destroy();
  }
}

/** A small tensor's values on the host. */
export async function readValues(tensor: TensorInfo): Promise<Float32Array> {
  blockTypeOf(tensor);
  const values = dequantize(tensor.type.name, await readBytes(tensor.source, tensor.offset, tensor.byteLength));
  if (!values.every(Number.isFinite)) throw brokenTensor(tensor.name, 'some');
  return values;
}

async function uploadVector(device: Device, tensor: TensorInfo, made: Made): Promise<GPUBuffer> {
  const values = await readValues(tensor);
  const buffer = await made.buffer(tensor.name, paddedLength(values.length) * 4);
  device.gpu.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
  return buffer;
}

function measuredForm(
  device: Device,
  pipelines: Pipelines,
  matrices: readonly MatrixSpec[],
  { streamed, tileBytes, stagingBytes, activation }: Placement,
): Promise<TileForm> {
  const specs = matrices.filter(({ name }) => streamed.has(name));
  return fasterForm(device, pipelines, specs, Math.min(tileBytes, stagingBytes), activation);
}

/** Gives each tile its place, one buffer of its own or one of the slots, and says what is to be read for it. */
async function placeTiles(
  device: Device,
  matrices: readonly MatrixSpec[],
  placement: Placement,
  streamedForm: TileForm,
  made: Made,
) {
  const placed = matrices.map((spec) => {
    const isStreamed = placement.streamed.has(spec.name);
    return {
      spec,
      isStreamed,
      layouts: isStreamed
        ? tileLayouts(spec, device.limits, placement.tileBytes, streamedForm)
        : tileLayouts(spec, device.limits),
    };
  });
  const uniforms = await made.buffer(
    'tiles',
    Math.max(1, placed.flatMap(({ layouts }) => layouts).length) * stride,
    'uniform',
  );
  const flaws = await made.buffer('flaws', Math.max(1, matrices.length) * stride);
  const slots = await createSlots(placed, placement, made);

  const loaded = new Map<string, Matrix>();
  const resident: Piece[] = [];
  const streamed: StreamedTile[] = [];
  let tileCount = 0;
  for (const [i, { spec, isStreamed, layouts }] of placed.entries()) {
    const tiles: RowTile[] = [];
    for (const { type, rowStart, rowCount, planes, byteLength } of layouts) {
      const label = `${spec.name} rows ${rowStart}–${rowStart + rowCount - 1}`;
      const slot = slots[streamed.length % slots.length];
      const buffer = isStreamed && slot ? slot : await made.buffer(label, byteLength);
      const offset = tileCount++ * stride;
      device.gpu.queue.writeBuffer(uniforms, offset, new Uint32Array([rowStart / 2, Math.ceil(rowCount / 2), 0, 0]));
      const ranges = Object.entries(planes).map(([name, range]): [string, BufferRange] => [name, { buffer, ...range }]);
      const tile: RowTile = {
        label,
        resident: !isStreamed,
        type,
        rowStart,
        rowCount,
        planes: Object.fromEntries(ranges),
        tile: { buffer: uniforms, offset, size: 16 },
      };
      tiles.push(tile);
      const pieces = piecesOf(spec, tile, placement.stagingBytes, { buffer: flaws, offset: i * stride, size: 4 });
      if (isStreamed) streamed.push({ tile, pieces });
      else resident.push(...pieces);
    }
    loaded.set(spec.name, { name: spec.name, rowLength: spec.rowLength, rowCount: spec.rowCount, tiles });
  }
  return { loaded, resident, streamed, slots, refuseFlaws: () => refuseFlaws(device, flaws, matrices) };
}

interface PlacedMatrix {
  readonly isStreamed: boolean;
  readonly layouts: ReturnType<typeof tileLayouts>;
}

/** Buffers that streamed tiles take in turn: each holds the largest of them. */
async function createSlots(
  placed: readonly PlacedMatrix[],
  { slotCount }: Placement,
  made: Made,
): Promise<GPUBuffer[]> {
  const layouts = placed.flatMap(({ isStreamed, layouts }) => (isStreamed ? layouts : []));
  const byteLength = layouts.reduce((most, layout) => Math.max(most, layout.byteLength), 0);
  const slots: GPUBuffer[] = [];
  for (let i = 0; i < Math.min(slotCount, layouts.length); i++) slots.push(await made.buffer(`slot ${i}`, byteLength));
  return slots;
}

async function openStream(
  device: Device,
  pipelines: Pipelines,
  tiles: readonly StreamedTile[],
  { slotCount, stagingCount, cacheBytes }: Placement,
  made: Made,
): Promise<TileStream> {
  const pieces = tiles.flatMap((tile) => tile.pieces);
  const lanes = await createLanes(device, pipelines, pieces, stagingCount);
  for (const lane of lanes) made.own(lane);
  const cache = made.own(new HostCache(device, pieces, cacheBytes));
  return new TileStream(device, tiles, Math.min(slotCount, tiles.length), lanes, cache);
}

async function refuseFlaws(device: Device, flaws: GPUBuffer, matrices: readonly MatrixSpec[]): Promise<void> {
  const counts = new Uint32Array(await readBuffer(device, flaws));
  const flawed = matrices.findIndex((_, i) => counts[(i * stride) / 4]);
  if (flawed >= 0) throw brokenTensor((matrices[flawed] as MatrixSpec).name, counts[(flawed * stride) / 4] as number);
}

function brokenTensor(name: string, count: number | string): WeightsError {
  return new WeightsError(`${name}: ${count} of its values are no finite numbers; the file is broken`);
}
