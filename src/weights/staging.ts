import type { Piece } from './piece.ts';

/** A piece in a buffer that the GPU may copy from. */
export interface Filled {
  readonly piece: Piece;
  readonly staging: GPUBuffer;
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

/** The same for the longest of several. */
export function longestStaging(pieces: readonly Piece[]): number {
  return stagingLength(pieces.reduce((most, { byteLength }) => Math.max(most, byteLength), 8));
}
