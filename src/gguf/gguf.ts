import type { GgmlType } from './ggml_types.ts';
import type { Metadata } from './metadata.ts';
import type { ByteSource } from './source.ts';

/** One tensor's place in its file. */
export interface TensorInfo {
  /** As in the file: `blk.0.attn_q.weight`. */
  readonly name: string;
  /** How its values are stored. */
  readonly type: GgmlType;
  /** ggml's order: dimensions[0] is the row length (contiguous), dimensions[1] the row count. */
  readonly dimensions: readonly number[];
  /** The file that holds it, of a split one. */
  readonly source: ByteSource;
  /** From the start of `source`, in bytes. */
  readonly offset: number;
  /** What its values take there, in bytes. */
  readonly byteLength: number;
}

/** A parsed GGUF: header only, with every offset checked against the sources' sizes. */
export interface Gguf {
  /** Of the format. */
  readonly version: 2 | 3;
  /** The file's keys and values. */
  readonly metadata: Metadata;
  /** By name, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** One per file of a split model. */
  readonly sources: readonly ByteSource[];
}
