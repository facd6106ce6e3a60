import { type BlockType, blocksPerRow, paddedLength } from '../../kernels/quants/block_type.ts';
import { blockTypes } from '../../kernels/quants/index.ts';
import type { TensorInfo } from '../gguf/gguf.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import { type Limits, offsetAlignment } from '../gpu/limits.ts';
import type { Tile } from '../gpu/plan.ts';

/** The file holds a tensor that this engine cannot run. The message names tensor and type. */
export class WeightsError extends Error {
  override name = 'WeightsError';
}

/** Some rows of a tensor that become the rows first, first + step, … of a matrix. */
export interface Part {
  readonly tensor: TensorInfo;
  readonly first: number;
  readonly step: number;
}

/** A matrix as `forward` wants it, of one tensor or of several fused: [rowCount, rowLength]. */
export interface MatrixSpec {
  readonly name: string;
  readonly rowLength: number;
  readonly rowCount: number;
  readonly parts: readonly Part[];
}

/** A matrix in GPU memory: its rows in tiles, none of which is larger than a binding. */
export interface Matrix {
  readonly name: string;
  readonly rowLength: number;
  readonly rowCount: number;
  readonly tiles: readonly RowTile[];
}

export interface RowTile extends Tile {
  /** Matrix and rows, as messages name it. */
  readonly label: string;
  readonly type: BlockType;
  readonly rowStart: number;
  readonly rowCount: number;
  /** By the names that the type's WGSL gives them. */
  readonly planes: Readonly<Record<string, BufferRange>>;
  /** Uniform: first pair of rows, pairs. */
  readonly tile: BufferRange;
}

/** Rows of several tensors one behind another, of whatever types: q, k and v. */
export function concatenated(name: string, tensors: readonly TensorInfo[]): MatrixSpec {
  let rowCount = 0;
  const parts = tensors.map((tensor) => {
    const part = { tensor, first: rowCount, step: 1 };
    rowCount += rowsOf(tensor);
    return part;
  });
  return { name, rowLength: rowLengthOf(tensors[0] as TensorInfo), rowCount, parts };
}

/** Rows of two tensors of one type in turn: gate, up, gate, up, … */
export function interleaved(name: string, tensors: readonly [TensorInfo, TensorInfo]): MatrixSpec {
  const parts = tensors.map((tensor, first) => ({ tensor, first, step: tensors.length }));
  return { name, rowLength: rowLengthOf(tensors[0]), rowCount: 2 * rowsOf(tensors[0]), parts };
}

export const rowLengthOf = (tensor: TensorInfo): number => tensor.dimensions[0] ?? 1;
export const rowsOf = (tensor: TensorInfo): number => tensor.dimensions.slice(1).reduce((a, b) => a * b, 1);

/** The block type of a tensor's weights; a `WeightsError` where no kernel reads it. */
export function blockTypeOf({ name, type }: TensorInfo): BlockType {
  const blockType = Object.hasOwn(blockTypes, type.name) ? blockTypes[type.name] : undefined;
  if (blockType) return blockType;
  const known = Object.keys(blockTypes).join(', ');
  throw new WeightsError(`tensor ${name} is of type ${type.name}, which no kernel reads yet; supported: ${known}`);
}

/** Rows per step of a split: whole workgroups of the kernels that go by rows. */
export const rowMultiple = 64;

/** What tiles are made of: planes that the file is repacked into, or its blocks as they are, where matmuls can read them. */
export type TileForm = 'planes' | 'blocks';

/** Where a tile's planes stand in its buffer. */
export interface TileLayout {
  readonly type: BlockType;
  readonly rowStart: number;
  readonly rowCount: number;
  readonly planes: Readonly<Record<string, { offset: number; size: number }>>;
  readonly byteLength: number;
}

/** What of a device's limits splits matrices. */
export type TileLimits = Pick<Limits, 'maxBufferSize' | 'maxStorageBufferBindingSize'>;

/**
 * A matrix's rows in tiles: one per run of parts of a type, split where a binding, a buffer or `maxTileBytes` would be
 * too small for all of them. A tile has two rows at least, however long they are. It has the same rows in either form,
 * and as blocks it is no larger.
 */
export function tileLayouts(
  spec: MatrixSpec,
  limits: TileLimits,
  maxTileBytes = Number.POSITIVE_INFINITY,
  form: TileForm = 'planes',
): TileLayout[] {
  return runsOfOneType(spec).flatMap(({ type, rowStart, rowCount }) => {
    const perTile = rowsPerTile(type, spec.rowLength, limits, maxTileBytes);
    return Array.from({ length: Math.ceil(rowCount / perTile) }, (_, i) => {
      const place = [spec.rowLength, rowStart + i * perTile, Math.min(perTile, rowCount - i * perTile)] as const;
      const blocks = form === 'blocks' && typeInFile(type, spec.rowLength);
      const inFile = blocks && layout(blocks, ...place);
      return inFile && inFile.byteLength <= limits.maxStorageBufferBindingSize ? inFile : layout(type, ...place);
    });
  });
}

/** The form in which the file has a type's rows, where matmuls read it: rows that need no padding. */
export function typeInFile({ inFile }: BlockType, rowLength: number): BlockType | undefined {
  return paddedLength(rowLength) === rowLength ? inFile : undefined;
}

function runsOfOneType({ parts, rowCount }: MatrixSpec): { type: BlockType; rowStart: number; rowCount: number }[] {
  if (parts.some(({ step }) => step > 1))
    return [{ type: blockTypeOf((parts[0] as Part).tensor), rowStart: 0, rowCount }];
  const runs: { type: BlockType; rowStart: number; rowCount: number }[] = [];
  for (const { tensor, first } of parts) {
    const type = blockTypeOf(tensor);
    const last = runs.at(-1);
    if (last?.type === type) last.rowCount += rowsOf(tensor);
    else runs.push({ type, rowStart: first, rowCount: rowsOf(tensor) });
  }
  return runs;
}

function rowsPerTile(type: BlockType, rowLength: number, limits: TileLimits, maxTileBytes: number): number {
  const rowBytes = type.planes.map(({ bytes }) => bytes * blocksPerRow(rowLength));
  const byBinding = Math.floor(limits.maxStorageBufferBindingSize / Math.max(...rowBytes));
  const allBytes = rowBytes.reduce((a, b) => a + b, 0);
  const tileBytes = Math.min(limits.maxBufferSize, maxTileBytes) - type.planes.length * offsetAlignment;
  const byBuffer = Math.floor(tileBytes / allBytes);
  const rows = Math.min(byBinding, byBuffer);
  return rows >= rowMultiple ? rows - (rows % rowMultiple) : Math.max(2, rows - (rows % 2));
}

function layout(type: BlockType, rowLength: number, rowStart: number, rowCount: number): TileLayout {
  const storedRows = rowCount + (rowCount % 2); // kernels read rows by pairs
  const planes: Record<string, { offset: number; size: number }> = {};
  let byteLength = 0;
  for (const { name, bytes } of type.planes) {
    const size = storedRows * blocksPerRow(rowLength) * bytes;
    planes[`weight_${name}`] = { offset: byteLength, size };
    byteLength = Math.ceil((byteLength + size) / offsetAlignment) * offsetAlignment;
  }
  return { type, rowStart, rowCount, planes, byteLength };
}

/** The least `maxTileBytes` that leaves tiles of `rows` rows, whichever of the matrix's types they are of. */
export function tileBytesOf(spec: MatrixSpec, rows: number): number {
  const sizes = runsOfOneType(spec).map(({ type, rowCount }) => {
    const { byteLength } = layout(type, spec.rowLength, 0, Math.min(rows, rowCount));
    return byteLength + type.planes.length * offsetAlignment;
  });
  return Math.max(...sizes);
}
