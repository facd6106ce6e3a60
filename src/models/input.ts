/** What matmuls read, and in which form. */
import type { ActivationFormat } from '../../kernels/parts/activation.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import { type Matrix, type RowTile, rowMultiple } from '../weights/matrix.ts';

/** Buffers by the names that kernels give them. */
export type Buffers = Readonly<Record<string, BufferRange>>;

/** Rows of activations, in the forms in which they are there. */
export interface Source {
  /** `act`. */
  readonly f32?: Buffers;
  /** `act_q` and `act_s`. */
  readonly q8?: Buffers;
  /** Rows are still to be divided by their root mean square; `act_ss` has each block's Σ x², with int8 beside its scale. */
  readonly undivided?: boolean;
}

/** What a matmul reads of the tokens of each phase: [rows, paddedLength(length)]. */
export interface Input {
  readonly length: number;
  readonly prefill: Source;
  readonly decode: Source;
}

/** A norm, and the matrices that read what comes of it. */
export interface Norm {
  readonly weight: GPUBuffer;
  readonly readers: readonly Matrix[];
}

/** int8 where both the numeric class and the weights' type allow, f32 otherwise. */
export function formatFor(precision: 'exact' | 'fast', { type }: RowTile): ActivationFormat {
  return precision === 'fast' && type.int8 ? 'q8' : 'f32';
}

/** The one form that all tiles of some matrices read; undefined where they differ. */
export function oneFormat(precision: 'exact' | 'fast', readers: readonly Matrix[]): ActivationFormat | undefined {
  const formats = new Set(readers.flatMap(({ tiles }) => tiles.map((tile) => formatFor(precision, tile))));
  return formats.size === 1 ? [...formats][0] : undefined;
}

/** Whether no tile but the last ends within a block of results that is handed on whole. */
export function hasWholeBlocks({ tiles }: Matrix): boolean {
  return tiles.every(({ rowCount, rowStart }, i) => {
    return rowStart % rowMultiple === 0 && (i === tiles.length - 1 || rowCount % rowMultiple === 0);
  });
}
