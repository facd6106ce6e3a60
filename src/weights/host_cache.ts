import { createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { OutOfMemoryError } from '../gpu/errors.ts';
import type { Piece } from './piece.ts';
import { type Filled, readPiece, stagingLength } from './staging.ts';

/**
 * Pieces that are read from their file once, and kept in memory that the GPU copies from. Which ones is settled at the
 * start, the first ones of a pass: of a cycle longer than the cache, the least recently used is what comes next.
 */
export class HostCache {
  readonly #device: Device;
  readonly #chosen: Set<Piece>;
  readonly #filled = new Map<Piece, Filled>();

  /** `budgetBytes` of host memory, for `pieces` in the order of a pass. */
  constructor(device: Device, pieces: readonly Piece[], budgetBytes: number) {
    this.#device = device;
    let bytes = 0;
    this.#chosen = new Set(
      pieces.filter(({ byteLength }) => {
        bytes += stagingLength(byteLength);
        return bytes <= budgetBytes;
      }),
    );
  }

  /** What was filled already. */
  get(piece: Piece): Filled | undefined {
    return this.#filled.get(piece);
  }

  /** Reads a piece that is to stay; undefined where it is not, or memory has run out after all. */
  async fill(piece: Piece, signal: AbortSignal): Promise<Filled | undefined> {
    if (!this.#chosen.has(piece)) return undefined;
    const staging = await this.#create(piece);
    if (!staging) return undefined;
    try {
      await this.#device.unlessLost(staging.mapAsync(GPUMapMode.WRITE));
      await readPiece(piece, staging, signal);
    } catch (error) {
      staging.destroy();
      throw error;
    }
    const filled = { piece, staging };
    this.#filled.set(piece, filled);
    return filled;
  }

  async #create({ byteLength, tile }: Piece): Promise<GPUBuffer | undefined> {
    try {
      return await createBuffer(this.#device, `host cache of ${tile.label}`, stagingLength(byteLength), 'staging');
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.#chosen.clear(); // of what does not fit, no more is tried
      return undefined;
    }
  }

  destroy(): void {
    for (const { staging } of this.#filled.values()) staging.destroy();
    this.#filled.clear();
  }
}
