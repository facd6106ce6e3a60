import { repack } from '../../kernels/repack.ts';
import { type BufferRange, createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { CompiledKernel, Pipelines } from '../gpu/pipelines.ts';
import { bind } from '../gpu/plan.ts';
import { chosenVariant } from '../gpu/variants.ts';
import type { RowTile } from './matrix.ts';
import type { Piece } from './piece.ts';
import { type Filled, longestStaging } from './staging.ts';

interface Bound {
  readonly compiled: CompiledKernel;
  readonly bindGroup: GPUBindGroup;
}

/** What repacking needs beside the tile: the raw bytes on the GPU's side, and which rows they are. */
interface Raw {
  readonly bytes: GPUBuffer;
  readonly piece: GPUBuffer;
}

/** Brings filled pieces into their tiles: copied straight, where a tile has the file's form, or copied and repacked. */
export class Delivery {
  readonly #device: Device;
  readonly #pipelines: Pipelines;
  readonly #raw: Raw | undefined;
  /** Of tiles that were repacked into before. */
  readonly #bound = new WeakMap<RowTile, Bound>();

  private constructor(device: Device, pipelines: Pipelines, raw: Raw | undefined) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#raw = raw;
  }

  /** For any of `pieces`, one at a time. */
  static async create(device: Device, pipelines: Pipelines, pieces: readonly Piece[]): Promise<Delivery> {
    const repacked = pieces.filter(({ tile }) => tile.type.repack);
    if (repacked.length === 0) return new Delivery(device, pipelines, undefined);
    const bytes = await createBuffer(device, 'upload raw', longestStaging(repacked));
    try {
      const piece = await createBuffer(device, 'upload piece', 16, 'uniform');
      return new Delivery(device, pipelines, { bytes, piece });
    } catch (error) {
      bytes.destroy();
      throw error;
    }
  }

  /** What `submit` needs of a piece's tile, made once and kept. */
  async prepare(piece: Piece): Promise<void> {
    if (!piece.tile.type.repack || this.#bound.has(piece.tile)) return;
    const raw = this.#raw as Raw;
    const shape = shapeOf(piece);
    const compiled = await this.#pipelines.compile(repack, shape, chosenVariant(repack, shape, this.#device));
    const bindGroup = await bind(this.#device, compiled, {
      piece: { buffer: raw.piece },
      raw: { buffer: raw.bytes },
      flaws: piece.flaws,
      ...piece.tile.planes,
    });
    this.#bound.set(piece.tile, { compiled, bindGroup });
  }

  /** Submits what brings a piece into its tile; it was prepared before. */
  submit({ piece, staging }: Filled): void {
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder({ label: `upload ${piece.tile.label}` });
    if (piece.tile.type.repack) this.#repack(encoder, piece, staging);
    else {
      const { buffer, offset } = placeInFile(piece);
      encoder.copyBufferToBuffer(staging, 0, buffer, offset, piece.byteLength);
    }
    gpu.queue.submit([encoder.finish()]);
  }

  #repack(encoder: GPUCommandEncoder, piece: Piece, staging: GPUBuffer): void {
    const { queue } = this.#device.gpu;
    const raw = this.#raw as Raw;
    const { compiled, bindGroup } = this.#bound.get(piece.tile) as Bound;
    const shape = shapeOf(piece);
    queue.writeBuffer(raw.piece, 0, new Uint32Array([piece.rowCount, piece.first, piece.step, 0]));
    encoder.copyBufferToBuffer(staging, 0, raw.bytes, 0, Math.ceil(piece.byteLength / 4) * 4);
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...repack.workgroups(shape, chosenVariant(repack, shape, this.#device), piece.rowCount));
    pass.end();
  }

  destroy(): void {
    this.#raw?.bytes.destroy();
    this.#raw?.piece.destroy();
  }
}

/** Where a piece's bytes go in a tile that has the file's form: rows that are asked for in turn stand apart, by parts. */
export function placeInFile({
  tile,
  first,
  step,
  rowCount,
  byteLength,
}: Piece): Required<Pick<BufferRange, 'buffer' | 'offset'>> {
  const [plane] = Object.values(tile.planes) as [BufferRange];
  const row = (first % step) * (tile.rowCount / step) + Math.floor(first / step);
  return { buffer: plane.buffer, offset: (plane.offset ?? 0) + row * (byteLength / rowCount) };
}

const shapeOf = ({ tile, rowLength }: Piece) => ({ type: tile.type.name, rowLength });
