import { paddedLength } from '../../kernels/quants/block_type.ts';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import type { TensorInfo } from '../gguf/gguf.ts';
import { readBytes } from '../gguf/source.ts';
import { createBuffer, readBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { offsetAlignment } from '../gpu/limits.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import {
  blockTypeOf,
  type Matrix,
  type MatrixSpec,
  type RowTile,
  rowsOf,
  tileLayouts,
  WeightsError,
} from './matrix.ts';
import { type Piece, pieceBytes, UploadRing } from './upload_ring.ts';

/** How far loading has come. */
export interface LoadProgress {
  /** `download`: a file that its server sends only as a whole, and first; `weights`: tensors to the GPU. */
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

/** All of a model's weights in GPU memory, by the names of their specs. */
export interface Weights {
  matrix(name: string): Matrix;
  find(name: string): Matrix | undefined;
  /** A vector of f32, zeros behind it up to its padded length. */
  vector(name: string): GPUBuffer;
  findVector(name: string): GPUBuffer | undefined;
  readonly byteLength: number;
  destroy(): void;
}

/** Bytes between two counters in the buffer of flaws. */
const flawStride = offsetAlignment;

/** Uploads matrices and vectors. On any failure, and on abort, all buffers made so far are freed. */
export async function loadWeights(
  device: Device,
  pipelines: Pipelines,
  matrices: readonly MatrixSpec[],
  vectors: readonly TensorInfo[],
  { signal, onProgress }: WeightsOptions = {},
): Promise<Weights> {
  const buffers: GPUBuffer[] = [];
  const create = async (label: string, byteLength: number, usage?: 'uniform') => {
    const buffer = await createBuffer(device, label, byteLength, usage);
    buffers.push(buffer);
    return buffer;
  };
  const destroy = () => {
    for (const buffer of buffers) buffer.destroy();
  };
  try {
    const vectorBuffers = new Map<string, GPUBuffer>();
    for (const tensor of vectors) vectorBuffers.set(tensor.name, await uploadVector(device, tensor, create));

    const flaws = await create('flaws', Math.max(1, matrices.length) * flawStride);
    const loaded = new Map<string, Matrix>();
    for (const spec of matrices) loaded.set(spec.name, await allocate(device, spec, create));
    const pieces = matrices.flatMap((spec, i) =>
      piecesOf(spec, loaded.get(spec.name) as Matrix, { buffer: flaws, offset: i * flawStride, size: 4 }),
    );
    await uploadAll(device, pipelines, pieces, signal, onProgress);
    await refuseFlaws(device, flaws, matrices);
    return {
      matrix: (name) => present(loaded, name),
      find: (name) => loaded.get(name),
      vector: (name) => present(vectorBuffers, name),
      findVector: (name) => vectorBuffers.get(name),
      byteLength: buffers.reduce((sum, { size }) => sum + size, 0),
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

function present<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const found = loaded.get(name);
  if (found === undefined) throw new WeightsError(`tensor ${name} was not loaded`);
  return found;
}

type Create = (label: string, byteLength: number, usage?: 'uniform') => Promise<GPUBuffer>;

/** A small tensor's values on the host. */
export async function readValues(tensor: TensorInfo): Promise<Float32Array> {
  blockTypeOf(tensor);
  const values = dequantize(tensor.type.name, await readBytes(tensor.source, tensor.offset, tensor.byteLength));
  if (!values.every(Number.isFinite)) throw brokenTensor(tensor.name, 'some');
  return values;
}

async function uploadVector(device: Device, tensor: TensorInfo, create: Create): Promise<GPUBuffer> {
  const values = await readValues(tensor);
  const buffer = await create(tensor.name, paddedLength(values.length) * 4);
  device.gpu.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
  return buffer;
}

async function allocate(device: Device, spec: MatrixSpec, create: Create): Promise<Matrix> {
  const tiles: RowTile[] = [];
  for (const { type, rowStart, rowCount, planes, byteLength } of tileLayouts(spec, device.limits)) {
    const label = `${spec.name} rows ${rowStart}–${rowStart + rowCount - 1}`;
    const buffer = await create(label, byteLength);
    const tile = await create(`${label} tile`, 16, 'uniform');
    device.gpu.queue.writeBuffer(tile, 0, new Uint32Array([rowStart / 2, Math.ceil(rowCount / 2), 0, 0]));
    const bound = Object.entries(planes).map(([name, range]) => [name, { buffer, ...range }]);
    tiles.push({
      resident: true,
      type,
      rowStart,
      rowCount,
      buffer,
      planes: Object.fromEntries(bound),
      tile: { buffer: tile },
    });
  }
  return { name: spec.name, rowLength: spec.rowLength, rowCount: spec.rowCount, tiles };
}

/** A matrix's rows in the order of the file, in pieces that a slot of the ring holds. */
function piecesOf(spec: MatrixSpec, matrix: Matrix, flaws: Piece['flaws']): Piece[] {
  return spec.parts.flatMap(({ tensor, first, step }) => {
    const rowBytes = tensor.byteLength / rowsOf(tensor);
    const rowsPerPiece = Math.max(1, Math.floor(pieceBytes / rowBytes));
    return matrix.tiles.flatMap((tile) => {
      const begin = Math.max(0, Math.ceil((tile.rowStart - first) / step));
      const end = Math.min(rowsOf(tensor), Math.ceil((tile.rowStart + tile.rowCount - first) / step));
      const pieces: Piece[] = [];
      for (let row = begin; row < end; row += rowsPerPiece) {
        const rowCount = Math.min(rowsPerPiece, end - row);
        pieces.push({
          source: tensor.source,
          offset: tensor.offset + row * rowBytes,
          byteLength: rowCount * rowBytes,
          tile,
          rowLength: spec.rowLength,
          rowCount,
          first: first + row * step - tile.rowStart,
          step,
          flaws,
        });
      }
      return pieces;
    });
  });
}

async function uploadAll(
  device: Device,
  pipelines: Pipelines,
  pieces: readonly Piece[],
  signal: AbortSignal | undefined,
  onProgress: WeightsOptions['onProgress'],
): Promise<void> {
  const totalBytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const slotBytes = pieces.reduce((largest, { byteLength }) => Math.max(largest, byteLength), 0);
  const ring = await UploadRing.create(device, pipelines, slotBytes + 8);
  let doneBytes = 0;
  try {
    await ring.upload(pieces, signal, ({ byteLength }) => {
      doneBytes += byteLength;
      onProgress?.({ stage: 'weights', doneBytes, totalBytes });
    });
  } finally {
    ring.destroy();
  }
}

async function refuseFlaws(device: Device, flaws: GPUBuffer, matrices: readonly MatrixSpec[]): Promise<void> {
  const counts = new Uint32Array(await readBuffer(device, flaws));
  const flawed = matrices.findIndex((_, i) => counts[(i * flawStride) / 4]);
  if (flawed >= 0)
    throw brokenTensor((matrices[flawed] as MatrixSpec).name, counts[(flawed * flawStride) / 4] as number);
}

function brokenTensor(name: string, count: number | string): WeightsError {
  return new WeightsError(`${name}: ${count} of its values are no finite numbers; the file is broken`);
}
