import type { ByteSource } from '../gguf/source.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import { type MatrixSpec, type RowTile, rowsOf } from './matrix.ts';

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
  readonly flaws: BufferRange;
}

/** What a tile is made of, in the order of the file: pieces of at most `maxBytes`, but of one row at least. */
export function piecesOf(spec: MatrixSpec, tile: RowTile, maxBytes: number, flaws: BufferRange): Piece[] {
  return spec.parts.flatMap(({ tensor, first, step }) => {
    const rowBytes = tensor.byteLength / rowsOf(tensor);
    const rowsPerPiece = Math.max(1, Math.floor(maxBytes / rowBytes));
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
}
