/** GGUF files: a header laid out in memory, tensor data streamed behind it. */
import { GgufError, quote } from './errors.ts';
import { FieldWriter, type RawEntry } from './field_writer.ts';
import { type GgmlType, rowBytes } from './ggml_types.ts';
import { type MetadataEntry, type NumericArray, numericTypeOf } from './metadata.ts';

/** A tensor to write; dimensions in ggml's order, the row length first. */
export interface TensorSpec {
  readonly name: string;
  readonly type: GgmlType;
  readonly dimensions: readonly number[];
}

/** Where a tensor's data goes, in bytes from the file's start. */
export interface PlacedTensor extends TensorSpec {
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufLayout {
  /** Everything before the data, padded to the alignment. */
  readonly header: Uint8Array<ArrayBuffer>;
  readonly tensors: readonly PlacedTensor[];
  /** Of the whole file. */
  readonly byteLength: number;
}

/**
 * A value as people write it: what its JavaScript type settles stands as it is, other numbers name theirs with
 * `uint32(…)`, `float32(…)` or a `MetadataEntry` of any type.
 */
export type MetadataInput = MetadataEntry | RawEntry | string | boolean | NumericArray | readonly string[];

export function uint32(value: number): MetadataEntry {
  return { type: 'uint32', value };
}

export function float32(value: number): MetadataEntry {
  return { type: 'float32', value };
}

/** What tensor data and header are written to, in order. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Leaves a hole of zeros: data that only tests of sizes need. */
  skip(byteLength: number): Promise<void>;
}

/** A tensor's bytes: at once, in chunks, or a hole of zeros where it is left out. */
export interface TensorData extends TensorSpec {
  readonly data?: Uint8Array | (() => Iterable<Uint8Array> | AsyncIterable<Uint8Array>);
}

/**
 * The header's bytes and every tensor's place, version 3. The data section is aligned to `general.alignment` of
 * `metadata`, 32 where it is absent.
 */
export function layoutGguf(
  metadata: Iterable<readonly [string, MetadataInput]>,
  tensors: readonly TensorSpec[],
): GgufLayout {
  const entries = Array.from(metadata, ([key, input]) => [key, toEntry(key, input)] as const);
  const alignment = Number(entries.find(([key]) => key === 'general.alignment')?.[1].value ?? 32);
  const align = (byteLength: number) => Math.ceil(byteLength / alignment) * alignment;

  const writer = new FieldWriter();
  writer.bytes(new TextEncoder().encode('GGUF'));
  writer.uint32(3);
  writer.size(tensors.length);
  writer.size(entries.length);
  for (const [key, entry] of entries) {
    writer.string(key);
    writer.entry(entry);
  }

  let dataOffset = 0;
  const placed: PlacedTensor[] = [];
  for (const tensor of tensors) {
    const byteLength = tensorBytes(tensor);
    writer.string(tensor.name);
    writer.uint32(tensor.dimensions.length);
    for (const length of tensor.dimensions) writer.size(length);
    writer.uint32(tensor.type.id);
    writer.size(dataOffset);
    placed.push({ ...tensor, offset: dataOffset, byteLength });
    dataOffset += align(byteLength);
  }

  writer.pad(alignment);
  const header = writer.finish();
  for (const [i, tensor] of placed.entries()) placed[i] = { ...tensor, offset: tensor.offset + header.length };
  return { header, tensors: placed, byteLength: header.length + dataOffset };
}

/** Writes a whole file: the header first, then each tensor's data with its padding, never more than a chunk in memory. */
export async function writeGguf(
  sink: ByteSink,
  metadata: Iterable<readonly [string, MetadataInput]>,
  tensors: readonly TensorData[],
): Promise<GgufLayout> {
  const layout = layoutGguf(metadata, tensors);
  await sink.write(layout.header);
  let offset = layout.header.length;
  for (const [i, { data }] of tensors.entries()) {
    const placed = layout.tensors[i]!;
    await pad(sink, placed.offset - offset);
    await writeData(sink, placed, data);
    offset = placed.offset + placed.byteLength;
  }
  await pad(sink, layout.byteLength - offset);
  return layout;
}

/** A whole file in memory. */
export async function encodeGguf(
  metadata: Iterable<readonly [string, MetadataInput]>,
  tensors: readonly TensorData[] = [],
): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new FieldWriter();
  const sink: ByteSink = {
    write: async (bytes) => writer.bytes(bytes),
    skip: async (byteLength) => writer.bytes(new Uint8Array(byteLength)),
  };
  await writeGguf(sink, metadata, tensors);
  return writer.finish();
}

async function writeData(sink: ByteSink, tensor: PlacedTensor, data: TensorData['data']): Promise<void> {
  if (!data) return sink.skip(tensor.byteLength);
  let written = 0;
  for await (const chunk of data instanceof Uint8Array ? [data] : data()) {
    written += chunk.length;
    await sink.write(chunk);
  }
  if (written !== tensor.byteLength) {
    throw new GgufError('writer', `tensor ${quote(tensor.name)} takes ${tensor.byteLength} bytes, but ${written} came`);
  }
}

async function pad(sink: ByteSink, byteLength: number): Promise<void> {
  if (byteLength > 0) await sink.write(new Uint8Array(byteLength));
}

/** A tensor's bytes in the file, without padding. */
function tensorBytes({ name, type, dimensions }: TensorSpec): number {
  const [rowLength = 1, ...others] = dimensions;
  if (rowLength % type.blockLength !== 0) {
    throw new GgufError('writer', `tensor ${quote(name)} has rows of ${rowLength}, which ${type.name} can't hold`);
  }
  return others.reduce((bytes, length) => bytes * length, rowBytes(type, rowLength));
}

function toEntry(key: string, input: MetadataInput): MetadataEntry | RawEntry {
  if (typeof input === 'string') return { type: 'string', value: input };
  if (typeof input === 'boolean') return { type: 'bool', value: input };
  if (Array.isArray(input)) return { type: 'array<string>', value: input };
  if (ArrayBuffer.isView(input)) return { type: `array<${numericTypeOf(input)}>`, value: input };
  if (typeof input === 'object' && 'type' in input) return input;
  throw new GgufError('writer', `metadata key ${quote(key)} is a bare number; name its type, as uint32(…) does`);
}
