import type { GgmlType } from './ggml_types.ts';
import type { Metadata } from './metadata.ts';
import type { ByteSource } from './source.ts';

/** One tensor's place in its file. */
export interface TensorInfo {
  readonly name: string;
  readonly type: GgmlType;
  /** ggml's order: dimensions[0] is the row length (contiguous), dimensions[1] the row count. */
  readonly dimensions: readonly number[];
  readonly source: ByteSource;
  /** From the start of `source`, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A parsed GGUF: header only, with every offset checked against the sources' sizes. */
export interface Gguf {
  readonly version: 2 | 3;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** One per file of a split model. */
  readonly sources: readonly ByteSource[];
}
