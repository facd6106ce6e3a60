/** A ggml tensor type: `blockLength` elements are stored in `blockBytes` bytes. */
export interface GgmlType {
  readonly name: string;
  readonly id: number;
  readonly blockLength: number;
  readonly blockBytes: number;
}
