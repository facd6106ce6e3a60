import { repack } from '../../kernels/repack.ts';
import { createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { CompiledKernel, Pipelines } from '../gpu/pipelines.ts';
import { bind } from '../gpu/plan.ts';
import { defaultVariant } from '../gpu/variants.ts';
import type { RowTile } from './matrix.ts';
import type { Piece } from './piece.ts';

/** A piece in a buffer that the GPU may copy from. */
export interface Filled {
  readonly piece: Piece;
  readonly staging: GPUBuffer;
}

interface Bound {
  readonly compiled: CompiledKernel;
  readonly bindGroup: GPUBindGroup;
}

/** One of the ways from the file to the GPU: a staging buffer that is read into, and the raw bytes on the GPU's side. */
export class Lane {
  readonly #device: Device;
  readonly #pipelines: Pipelines;
  readonly #staging: GPUBuffer;
  readonly #raw: GPUBuffer;
  readonly #piece: GPUBuffer;
  /** Of tiles that came this way before. */
  readonly #bound = new WeakMap<RowTile, Bound>();
  /** The staging buffer's next mapping, where it was asked for already. */
  #mapped: Promise<unknown> | undefined;

  private constructor(device: Device, pipelines: Pipelines, staging: GPUBuffer, raw: GPUBuffer, piece: GPUBuffer) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#staging = staging;
    this.#raw = raw;
    this.#piece = piece;
  }

  /** `byteLength`: of the largest piece. */
  static async create(device: Device, pipelines: Pipelines, byteLength: number): Promise<Lane> {
    const made: GPUBuffer[] = [];
    try {
      for (const [label, size, usage] of [
        ['upload staging', stagingLength(byteLength), 'staging'],
        ['upload raw', stagingLength(byteLength), 'storage'],
        ['upload piece', 16, 'uniform'],
      ] as const) {
        made.push(await createBuffer(device, label, size, usage));
      }
    } catch (error) {
      for (const buffer of made) buffer.destroy();
      throw error;
    }
    const [staging, raw, piece] = made as [GPUBuffer, GPUBuffer, GPUBuffer];
    return new Lane(device, pipelines, staging, raw, piece);
  }

  /** Reads a piece into mapped memory, once the GPU has copied the last one out of it. */
  async fill(piece: Piece, signal: AbortSignal | undefined): Promise<Filled> {
    this.#mapped ??= mapped(this.#staging);
    await this.#device.unlessLost(this.#mapped);
    this.#mapped = undefined;
    await readPiece(piece, this.#staging, signal);
    return { piece, staging: this.#staging };
  }

  /** What `submit` needs of a piece's tile, made once and kept. */
  async prepare(piece: Piece): Promise<void> {
    if (this.#bound.has(piece.tile)) return;
    const shape = shapeOf(piece);
    const compiled = await this.#pipelines.compile(repack, shape, defaultVariant(repack, shape, this.#device));
    const bindGroup = await bind(this.#device, compiled, {
      piece: { buffer: this.#piece },
      raw: { buffer: this.#raw },
      flaws: piece.flaws,
      ...piece.tile.planes,
    });
    this.#bound.set(piece.tile, { compiled, bindGroup });
  }

  /** Copies a piece to the GPU and repacks it into its tile; it was prepared before. */
  submit({ piece, staging }: Filled): void {
    const { queue } = this.#device.gpu;
    const { compiled, bindGroup } = this.#bound.get(piece.tile) as Bound;
    const shape = shapeOf(piece);
    queue.writeBuffer(this.#piece, 0, new Uint32Array([piece.rowCount, piece.first, piece.step, 0]));
    const encoder = this.#device.gpu.createCommandEncoder({ label: `upload ${piece.tile.label}` });
    encoder.copyBufferToBuffer(staging, 0, this.#raw, 0, Math.ceil(piece.byteLength / 4) * 4);
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...repack.workgroups(shape, defaultVariant(repack, shape, this.#device), piece.rowCount));
    pass.end();
    queue.submit([encoder.finish()]);
    if (staging === this.#staging) this.#mapped = mapped(staging);
  }

  destroy(): void {
    for (const buffer of [this.#staging, this.#raw, this.#piece]) buffer.destroy();
  }
}

/** Reads a piece straight into the memory of a mapped buffer, and unmaps it, whatever comes. */
export async function readPiece(piece: Piece, staging: GPUBuffer, signal: AbortSignal | undefined): Promise<void> {
  const range = staging.getMappedRange(0, stagingLength(piece.byteLength));
  try {
    await piece.source.read(piece.offset, new Uint8Array(range, 0, piece.byteLength), signal);
  } finally {
    staging.unmap();
  }
}

/** Bytes of a buffer that a piece is read into: mapped ranges go by eight. */
export function stagingLength(byteLength: number): number {
  return Math.ceil(byteLength / 8) * 8;
}

const shapeOf = ({ tile, rowLength }: Piece) => ({ type: tile.type.name, rowLength });

/** Mapped for writing; whoever fills it next hears of what goes wrong, if anybody does. */
function mapped(staging: GPUBuffer): Promise<unknown> {
  const promise = staging.mapAsync(GPUMapMode.WRITE);
  promise.catch(() => undefined);
  return promise;
}
