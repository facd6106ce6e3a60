/** One GGUF file's header: versions 2 and 3, little endian. Trusts nothing that it reads. */
import { GgufError, quote } from './errors.ts';
import { type GgmlType, ggmlTypeById, removedGgmlType, rowBytes } from './ggml_types.ts';
import type { TensorInfo } from './gguf.ts';
import { HeaderReader } from './header_reader.ts';
import type { MetadataEntry } from './metadata.ts';
import { readValue, ValueBudget } from './parse_value.ts';
import type { ByteSource } from './source.ts';

const MAGIC = 0x46554747; // 'GGUF'

/** The specification's limit for keys; ggml's own for tensor names is 64, which other writers pass. */
const MAX_NAME_BYTES = 65_535;
/** Real files have under 200 keys. */
const MAX_KEY_COUNT = 65_536;
/** Expert models with a tensor per expert reach 50,000. */
const MAX_TENSOR_COUNT = 131_072;
/** GGML_MAX_DIMS. */
const MAX_DIMENSION_COUNT = 4;
/** Everyone's is 32; padding to it is written from memory. */
const MAX_ALIGNMENT = 16 * 1024 * 1024;
/** GGUF_DEFAULT_ALIGNMENT, where `general.alignment` is absent. */
const DEFAULT_ALIGNMENT = 32;

/** The fewest bytes of a key with its value (length, type, an uint8), and of a tensor info without dimensions. */
const MIN_ENTRY_BYTES = 8 + 4 + 1;
const MIN_TENSOR_INFO_BYTES = 8 + 4 + 4 + 8;

export interface ParsedFile {
  readonly version: 2 | 3;
  readonly entries: ReadonlyMap<string, MetadataEntry>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** Reads the header and nothing else; every tensor lies within the source, aligned, apart from the others. */
export async function parseFile(source: ByteSource, signal?: AbortSignal): Promise<ParsedFile> {
  const reader = new HeaderReader(source, signal);
  const version = await readVersion(reader);

  await reader.need(16, 'the header');
  const tensorCount = readCount(reader, 'tensors', MAX_TENSOR_COUNT, MIN_TENSOR_INFO_BYTES);
  const keyCount = readCount(reader, 'metadata keys', MAX_KEY_COUNT, MIN_ENTRY_BYTES);

  const entries = await readEntries(reader, keyCount);
  const alignment = readAlignment(source, entries);
  const tensors = await readTensorInfos(reader, tensorCount);

  const dataOffset = Math.ceil(reader.offset / alignment) * alignment;
  return { version, entries, tensors: placeTensors(source, tensors, dataOffset, alignment) };
}

async function readVersion(reader: HeaderReader): Promise<2 | 3> {
  const { name, byteLength } = reader.source;
  if (byteLength < 8) throw new GgufError(name, `has ${byteLength} bytes, too few for a GGUF file`);
  await reader.need(8, 'the header');
  const magic = reader.uint32();
  if (magic !== MAGIC) throw new GgufError(name, 'is not a GGUF file: it does not start with "GGUF"');
  const version = reader.uint32();
  if (version === 2 || version === 3) return version;
  if (version === 1) throw new GgufError(name, 'is GGUF version 1, which is not read; convert the model anew');
  if ((version & 0xffff) === 0 && version !== 0) {
    throw new GgufError(name, 'is a big-endian GGUF file; only little endian is read, convert the model anew');
  }
  throw new GgufError(name, `is GGUF version ${version}; versions 2 and 3 are read`);
}

function readCount(reader: HeaderReader, what: string, limit: number, minBytes: number): number {
  const count = reader.size(`the number of ${what}`);
  if (count > limit) throw reader.error(`${count} ${what} are declared; more than ${limit} are refused`);
  reader.requireRemaining(count * minBytes, `a header of ${count} ${what}`);
  return count;
}

async function readName(reader: HeaderReader, what: string): Promise<string> {
  await reader.need(8, what);
  const byteLength = reader.size(`the length of ${what}`);
  if (byteLength > MAX_NAME_BYTES) throw reader.error(`${what} has ${byteLength} bytes, more than ${MAX_NAME_BYTES}`);
  await reader.need(byteLength, what);
  return reader.name(byteLength, what);
}

async function readEntries(reader: HeaderReader, count: number): Promise<Map<string, MetadataEntry>> {
  const entries = new Map<string, MetadataEntry>();
  const budget = new ValueBudget();
  for (let i = 0; i < count; i++) {
    const key = await readName(reader, `metadata key ${i}`);
    if (entries.has(key)) throw reader.error(`metadata key ${quote(key)} appears twice`);
    entries.set(key, await readValue(reader, key, budget));
  }
  return entries;
}

function readAlignment(source: ByteSource, entries: ReadonlyMap<string, MetadataEntry>): number {
  const entry = entries.get('general.alignment');
  if (!entry) return DEFAULT_ALIGNMENT;
  const { type, value } = entry;
  if (type !== 'uint32') throw new GgufError(source.name, `general.alignment is ${type}, not uint32`);
  if (typeof value !== 'number' || value === 0 || (value & (value - 1)) !== 0) {
    throw new GgufError(source.name, `general.alignment is ${value}, not a power of two`);
  }
  if (value > MAX_ALIGNMENT) {
    throw new GgufError(source.name, `general.alignment is ${value}, more than ${MAX_ALIGNMENT}`);
  }
  return value;
}

/** A tensor as its info states it: the offset is from the data section's start. */
interface StatedTensor {
  readonly name: string;
  readonly type: GgmlType;
  readonly dimensions: readonly number[];
  readonly dataOffset: number;
  readonly byteLength: number;
}

async function readTensorInfos(reader: HeaderReader, count: number): Promise<StatedTensor[]> {
  const tensors: StatedTensor[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const name = await readName(reader, `the name of tensor ${i}`);
    if (names.has(name)) throw reader.error(`tensor ${quote(name)} appears twice`);
    names.add(name);
    tensors.push(await readTensorInfo(reader, name));
  }
  return tensors;
}

async function readTensorInfo(reader: HeaderReader, name: string): Promise<StatedTensor> {
  const what = `tensor ${quote(name)}`;
  await reader.need(4, what);
  const dimensionCount = reader.uint32();
  if (dimensionCount > MAX_DIMENSION_COUNT) {
    throw reader.error(`${what} has ${dimensionCount} dimensions, more than ${MAX_DIMENSION_COUNT}`);
  }

  await reader.need(dimensionCount * 8 + 12, what);
  const dimensions: number[] = [];
  let elementCount = 1;
  for (let d = 0; d < dimensionCount; d++) {
    const length = reader.size(`dimension ${d} of ${what}`);
    if (length === 0) throw reader.error(`dimension ${d} of ${what} is 0`);
    elementCount *= length;
    if (elementCount > Number.MAX_SAFE_INTEGER) throw reader.error(`${what} has more than 2^53 elements`);
    dimensions.push(length);
  }

  const type = readTensorType(reader, what);
  const rowLength = dimensions[0] ?? 1;
  if (rowLength % type.blockLength !== 0) {
    throw reader.error(`${what} has rows of ${rowLength}, not a multiple of ${type.name}'s ${type.blockLength}`);
  }
  const dataOffset = reader.size(`the offset of ${what}`);
  return { name, type, dimensions, dataOffset, byteLength: rowBytes(type, rowLength) * (elementCount / rowLength) };
}

function readTensorType(reader: HeaderReader, what: string): GgmlType {
  const id = reader.uint32();
  const type = ggmlTypeById(id);
  if (type) return type;
  const removed = removedGgmlType(id);
  if (removed) throw reader.error(`${what} has type ${removed}, which ggml has removed; quantise the model anew`);
  throw reader.error(`${what} has type ${id}, which is not known`);
}

function placeTensors(
  source: ByteSource,
  stated: readonly StatedTensor[],
  sectionOffset: number,
  alignment: number,
): Map<string, TensorInfo> {
  const tensors = new Map<string, TensorInfo>();
  for (const { name, type, dimensions, dataOffset, byteLength } of stated) {
    const what = `tensor ${quote(name)}`;
    if (dataOffset % alignment !== 0) {
      throw new GgufError(source.name, `${what} starts at ${dataOffset}, which is not aligned to ${alignment} bytes`);
    }
    const offset = sectionOffset + dataOffset;
    if (offset + byteLength > source.byteLength) {
      throw new GgufError(
        source.name,
        `${what} ends at byte ${offset + byteLength} but the file has ${source.byteLength}; it is truncated, fetch it again`,
      );
    }
    tensors.set(name, { name, type, dimensions, source, offset, byteLength });
  }
  requireApart(source, tensors);
  return tensors;
}

function requireApart(source: ByteSource, tensors: ReadonlyMap<string, TensorInfo>): void {
  const ordered = [...tensors.values()].sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < ordered.length; i++) {
    const [before, after] = [ordered[i - 1]!, ordered[i]!];
    if (before.offset + before.byteLength > after.offset) {
      throw new GgufError(source.name, `tensors ${quote(before.name)} and ${quote(after.name)} overlap`);
    }
  }
}
