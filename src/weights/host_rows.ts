import { paddedLength } from '../../kernels/quants/block_type.ts';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import type { TensorInfo } from '../gguf/gguf.ts';
import { readBytes } from '../gguf/source.ts';
import { blockTypeOf, type MatrixSpec, type Part, rowLengthOf, rowsOf } from './matrix.ts';

/** A tensor that stays in its file: the few rows that a step needs are read, and dequantised on the host. */
export class HostRows {
  readonly #tensor: TensorInfo;

  constructor({ parts }: MatrixSpec) {
    const { tensor } = parts[0] as Part;
    blockTypeOf(tensor);
    this.#tensor = tensor;
  }

  /** Rows `ids` as f32, [ids.length, paddedLength(rowLength)]; padding zero. */
  async gather(ids: ArrayLike<number>): Promise<Float32Array<ArrayBuffer>> {
    const { source, offset, byteLength, type } = this.#tensor;
    const rowBytes = byteLength / rowsOf(this.#tensor);
    const stride = paddedLength(rowLengthOf(this.#tensor));
    const rows = new Float32Array(ids.length * stride);
    await Promise.all(
      Array.from(ids, async (id, i) => {
        const bytes = await readBytes(source, offset + id * rowBytes, rowBytes);
        rows.set(dequantize(type.name, bytes), i * stride);
      }),
    );
    return rows;
  }
}
