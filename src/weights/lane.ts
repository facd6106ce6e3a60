import { createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { Delivery } from './delivery.ts';
import type { Piece } from './piece.ts';
import { type Filled, longestStaging, readPiece } from './staging.ts';

/** One of the ways from the file to the GPU: a staging buffer that is read into, and what brings it into tiles. */
export class Lane {
  readonly #device: Device;
  readonly #staging: GPUBuffer;
  readonly #delivery: Delivery;
  /** The staging buffer's next mapping, where it was asked for already. */
  #mapped: Promise<unknown> | undefined;

  private constructor(device: Device, staging: GPUBuffer, delivery: Delivery) {
    this.#device = device;
    this.#staging = staging;
    this.#delivery = delivery;
  }

  /** For any of `pieces`, one at a time. */
  static async create(device: Device, pipelines: Pipelines, pieces: readonly Piece[]): Promise<Lane> {
    const staging = await createBuffer(device, 'upload staging', longestStaging(pieces), 'staging');
    try {
      return new Lane(device, staging, await Delivery.create(device, pipelines, pieces));
    } catch (error) {
      staging.destroy();
      throw error;
    }
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
  prepare(piece: Piece): Promise<void> {
    return this.#delivery.prepare(piece);
  }

  /** Brings a piece into its tile, also from staging memory that is not the lane's; it was prepared before. */
  submit(filled: Filled): void {
    this.#delivery.submit(filled);
    if (filled.staging === this.#staging) this.#mapped = mapped(filled.staging);
  }

  destroy(): void {
    this.#staging.destroy();
    this.#delivery.destroy();
  }
}

/** Mapped for writing; whoever fills it next hears of what goes wrong, if anybody does. */
function mapped(staging: GPUBuffer): Promise<unknown> {
  const promise = staging.mapAsync(GPUMapMode.WRITE);
  promise.catch(() => undefined);
  return promise;
}
