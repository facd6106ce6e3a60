import { repack } from '../../kernels/repack.ts';
import type { ByteSource } from '../gguf/source.ts';
import { createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { bind } from '../gpu/plan.ts';
import { defaultVariant } from '../gpu/variants.ts';
import type { RowTile } from './matrix.ts';

/** Whole rows of a tensor on their way from the file into a tile. */
export interface Piece {
  readonly source: ByteSource;
  /** From the start of the source; bytes. */
  readonly offset: number;
  readonly byteLength: number;
  readonly tile: RowTile;
  readonly rowLength: number;
  readonly rowCount: number;
  /** Rows of the tile that they become: first, first + step, … */
  readonly first: number;
  readonly step: number;
  /** Where the kernel counts values that are no finite number. */
  readonly flaws: { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number };
}

interface Slot {
  readonly staging: GPUBuffer;
  readonly raw: GPUBuffer;
  readonly piece: GPUBuffer;
  /** The staging buffer, mapped for the next piece. */
  mapped: Promise<unknown>;
}

/** Reads in flight: enough to keep a disk busy while the GPU copies. */
const slotCount = 4;
/** Bytes per slot: large reads, and four of them are little beside any model. */
export const pieceBytes = 16 * 2 ** 20;

/**
 * Brings pieces of the file to the GPU: read straight into mapped memory, copy, repack into planes. The slots' own
 * mapping is the back-pressure, so host memory stays at the size of the ring.
 */
export class UploadRing {
  readonly #device: Device;
  readonly #pipelines: Pipelines;
  readonly #slots: readonly Slot[];

  private constructor(device: Device, pipelines: Pipelines, slots: readonly Slot[]) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#slots = slots;
  }

  /** `slotBytes`: at least one row of every tensor. */
  static async create(device: Device, pipelines: Pipelines, slotBytes: number): Promise<UploadRing> {
    const slots: Slot[] = [];
    for (let i = 0; i < slotCount; i++) {
      const staging = await createBuffer(device, `upload staging ${i}`, slotBytes, 'staging');
      const raw = await createBuffer(device, `upload raw ${i}`, slotBytes);
      const piece = await createBuffer(device, `upload piece ${i}`, 16, 'uniform');
      slots.push({ staging, raw, piece, mapped: staging.mapAsync(GPUMapMode.WRITE) });
    }
    return new UploadRing(device, pipelines, slots);
  }

  /** Uploads all pieces, several at a time; `onPiece` hears of each as it is submitted. */
  async upload(pieces: readonly Piece[], signal?: AbortSignal, onPiece?: (piece: Piece) => void): Promise<void> {
    let next = 0;
    const work = async (slot: Slot) => {
      try {
        for (let piece = pieces[next++]; piece; piece = pieces[next++]) {
          signal?.throwIfAborted();
          await this.#bring(piece, slot, signal);
          onPiece?.(piece);
        }
      } finally {
        next = pieces.length; // at an error the other slots stop as well
      }
    };
    const workers = await Promise.allSettled(this.#slots.map(work));
    for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
    await this.#device.gpu.queue.onSubmittedWorkDone();
    this.#device.check();
  }

  async #bring(piece: Piece, slot: Slot, signal?: AbortSignal): Promise<void> {
    const { gpu } = this.#device;
    const { tile, rowLength, rowCount, byteLength } = piece;
    await this.#device.unlessLost(slot.mapped);
    const copyLength = Math.ceil(byteLength / 4) * 4;
    const target = new Uint8Array(slot.staging.getMappedRange(0, Math.ceil(copyLength / 8) * 8), 0, byteLength);
    await piece.source.read(piece.offset, target, signal);
    slot.staging.unmap();

    const shape = { type: tile.type.name, rowLength };
    const variant = defaultVariant(repack, shape, this.#device);
    const compiled = await this.#pipelines.compile(repack, shape, variant);
    const bindGroup = await bind(this.#device, compiled, {
      piece: { buffer: slot.piece },
      raw: { buffer: slot.raw },
      flaws: piece.flaws,
      ...tile.planes,
    });
    gpu.queue.writeBuffer(slot.piece, 0, new Uint32Array([rowCount, piece.first, piece.step, 0]));
    const encoder = gpu.createCommandEncoder({ label: `upload ${tile.buffer.label}` });
    encoder.copyBufferToBuffer(slot.staging, 0, slot.raw, 0, copyLength);
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...repack.workgroups(shape, variant, rowCount));
    pass.end();
    gpu.queue.submit([encoder.finish()]);
    slot.mapped = slot.staging.mapAsync(GPUMapMode.WRITE);
    slot.mapped.catch(() => undefined); // awaited by the slot's next piece, if there is one
  }

  destroy(): void {
    for (const { staging, raw, piece } of this.#slots) {
      staging.destroy();
      raw.destroy();
      piece.destroy();
    }
  }
}
