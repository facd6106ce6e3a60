import type { Words } from '../../src/gpu/kernel.ts';
import type { Fours } from '../parts/values.ts';

/** Values per block on the GPU, whatever the type: rows are padded with zeros to whole pairs of blocks. */
export const blockLength = 32;

/** Blocks of a row in GPU memory: even, so that two f16 scales fill a word. */
export function blocksPerRow(rowLength: number): number {
  return 2 * Math.ceil(rowLength / (2 * blockLength));
}

/** A row's length in GPU memory, for weights and for activations alike: `rowLength` up to a multiple of 64. */
export function paddedLength(rowLength: number): number {
  return blocksPerRow(rowLength) * blockLength;
}

export interface ReadVariant {
  /** Native `f16` (shader-f16). */
  readonly f16: boolean;
  /** WGSL's packed 4x8 functions. */
  readonly dp4a: boolean;
}

export interface ReadOptions extends ReadVariant {
  /** Rows of two matrices are asked for in turn, as SwiGLU wants gate and up. */
  readonly inTurns: boolean;
}

/**
 * One ggml type of weights: its planes in GPU memory and the WGSL that fills and reads them.
 * A type is one file and one line in index.ts.
 */
export interface BlockType {
  /** ggml's name, as in the GGUF's tensor table; of a form `inFile`, that and a word more. */
  readonly name: string;
  /** ggml's name, where `name` is not. */
  readonly fileType?: string;
  /** Values and bytes per block in the file. */
  readonly fileBlockLength: number;
  readonly fileBlockBytes: number;
  /** WGSL bindings `weight_NAME`, each `bytes` per GPU block. */
  readonly planes: readonly { readonly name: string; readonly bytes: number }[];
  /** Whether its blocks are int8 with one scale, and may meet int8 activations. */
  readonly int8: boolean;
  /** Whether `read` has a form with native `f16`. */
  readonly nativeF16: boolean;
  /** Vectors of four values that `weight_values` returns. */
  readonly fours: Fours;
  /**
   * WGSL that declares the planes and `weight_values(row, step) -> Values`, 4 × `fours` values as they are (exact in f32);
   * with `int8` also `weight_packed(row, block) -> Packed`, `weight_half(row, half) -> vec4<u32>`, half a block, and
   * `weight_scale(row, block) -> f32`.
   * For tiles, `weight_four(row, four, scale) -> vec4<f32>`, four neighbouring values, and `weight_scales(row, two) ->
   * vec2<f32>`, the scales of blocks 2·two and 2·two + 1; where types have no scales, `scale` is not read.
   * Needs `override BLOCKS`, parts/values.ts and the tile of parts/range.ts.
   */
  read(options: ReadOptions): string;
  /**
   * WGSL `repack(source_row, dst_row, pair)`: fills blocks 2·pair and 2·pair + 1 of a row from the file's bytes in
   * `raw`, which `raw_half(i)` reads by halves; needs `override BLOCKS, ROW_LENGTH`. Padding becomes zeros, and a scale
   * or value that is no finite number is reported by `flawed()`. Absent where the planes are the file's bytes.
   */
  readonly repack?: string;
  /**
   * The same blocks as they stand in the file: one plane, no `repack`, the same results bit by bit. Only the matmuls read
   * it, and only rows without padding. Rows that are asked for in turn stand as two halves of the tile, one of each matrix.
   */
  readonly inFile?: BlockType;
}

/** What a type's `repack` makes of `blocks`, on the host: rows of `rowLength` values, one array per plane. For cases. */
export type Pack = (blocks: Uint8Array, rowLength: number) => Readonly<Record<string, Words>>;
