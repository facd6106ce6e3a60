import { availableParallelism } from 'node:os';
import { GgufError, quote } from '../../gguf/errors.ts';
import { rowBytes } from '../../gguf/ggml_types.ts';
import type { Gguf } from '../../gguf/gguf.ts';
import type { PlannedTensor } from '../../gguf/quantize_plan.ts';
import { withRawBytes } from '../../gguf/raw_entries.ts';
import { readBytes } from '../../gguf/source.ts';
import type { FilePart } from '../../gguf/split_plan.ts';
import { writeGguf } from '../../gguf/writer.ts';
import { createUnpublishedFile, type UnpublishedFile } from '../../runtime/unpublished_file.ts';
import { ConvertPool } from './convert_pool.ts';
import { mapAhead } from './map_ahead.ts';

/** What is read, converted and written at once: whole blocks of every type, 2 MiB of F16. */
const PIECE_LENGTH = 2 ** 20;
/** Of F32. */
const MAX_PIECE_BYTES = 4 * PIECE_LENGTH;
/** Beyond, the disk is slower than they are; each thread costs some 20 MB. */
const MAX_THREAD_COUNT = 8;
/** Being read, being converted or waiting to be written. */
const PIECES_PER_THREAD = 2;

export interface QuantizedFile {
  readonly path: string;
  readonly part: FilePart<PlannedTensor>;
}

/**
 * Reads, converts and writes piece by piece; memory does not grow with the model. The files take their names at the
 * end, all together and the first of them last; nothing of them is left where that is not reached. Returns their bytes.
 */
export async function writeQuantized(
  gguf: Gguf,
  files: readonly QuantizedFile[],
  onProgress: (doneBytes: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  const threadCount = Math.min(availableParallelism(), MAX_THREAD_COUNT);
  const pool = new ConvertPool(threadCount, MAX_PIECE_BYTES);
  const written: UnpublishedFile[] = [];
  try {
    const pieces = files.flatMap(({ part }) => part.tensors.flatMap(piecesOf));
    const converted = mapAhead(pieces, threadCount * PIECES_PER_THREAD, (piece) => convertPiece(piece, pool, signal));
    let doneBytes = 0;
    let writtenBytes = 0;
    const dataOf = async function* (tensor: PlannedTensor) {
      for (const { byteLength } of piecesOf(tensor)) {
        yield (await converted.next()).value!;
        onProgress((doneBytes += byteLength));
      }
    };
    for (const { path, part } of files) {
      const file = await createUnpublishedFile(path);
      written.push(file);
      const metadata = await withRawBytes(gguf.sources[0]!, part.metadata);
      const tensors = part.tensors.map((tensor) => ({ ...tensor, data: () => dataOf(tensor) }));
      writtenBytes += (await writeGguf(file, metadata, tensors)).byteLength;
      await file.finish();
    }
    for (const file of written.toReversed()) await file.publish();
    return writtenBytes;
  } catch (error) {
    await Promise.all(written.map((file) => file.discard()));
    throw error;
  } finally {
    await pool.close();
  }
}

/** A part of a tensor's bytes in its source. */
interface Piece {
  readonly tensor: PlannedTensor;
  readonly offset: number;
  readonly byteLength: number;
}

function piecesOf(tensor: PlannedTensor): Piece[] {
  const { type, offset, byteLength } = tensor.source;
  const pieceBytes = rowBytes(type, PIECE_LENGTH);
  return Array.from({ length: Math.ceil(byteLength / pieceBytes) }, (_, i) => {
    const start = i * pieceBytes;
    return { tensor, offset: offset + start, byteLength: Math.min(pieceBytes, byteLength - start) };
  });
}

async function convertPiece(
  { tensor, offset, byteLength }: Piece,
  pool: ConvertPool,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { source, type, name } = tensor;
  signal?.throwIfAborted();
  if (source.type === type) return readBytes(source.source, offset, byteLength, signal);
  const bytes = pool.takeBuffer(byteLength);
  await source.source.read(offset, bytes, signal);
  const converted = await pool.convert({ from: source.type.name, to: type.name, bytes });
  if (converted) return converted;
  throw new GgufError(
    source.source.name,
    `tensor ${quote(name)} has a value that is no finite number, or too large for ${type.name}`,
  );
}
