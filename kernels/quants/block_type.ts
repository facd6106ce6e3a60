/** One ggml block type: how a weight's bytes are read on the host and on the GPU. One file each, listed in index.ts. */
export interface BlockType {
  /** ggml's name, as in the GGUF's tensor table. */
  readonly name: string;
  /** Elements per block. */
  readonly blockLength: number;
  /** Bytes per block in the file. */
  readonly blockBytes: number;
  /** Host reference: `blocks` (whole blocks of the file) to values; exact in f32 for every type so far. */
  dequantize(blocks: Uint8Array): Float32Array;
}
