import { GgufError, quote } from './errors.ts';

/** GGUF's own names of value types; the index is the id in the file. */
export const valueTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

/** GGUF's names of types that are no arrays. */
export type ScalarType = Exclude<(typeof valueTypes)[number], 'array'>;
/** A scalar's type, or `array<string>`, `array<array<…>>` where the elements' own arrays say the rest. */
export type ValueType = ScalarType | `array<${ScalarType | 'array'}>`;

/** GGUF's names of numbers. */
export type NumericType = Exclude<ScalarType, 'bool' | 'string'>;

/** The array that holds values of each type as the file does: every host with WebGPU is little endian too. */
export const numericArrays: Readonly<Record<NumericType, NumericArrayConstructor>> = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float64: Float64Array,
};

interface NumericArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericArray;
}

/** An array of numbers as the file has it. */
export type NumericArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** 64-bit integers up to 2^53 are numbers, beyond it bigints; numeric arrays are typed arrays of the file's own type. */
export type MetadataValue = number | bigint | boolean | string | NumericArray | readonly MetadataValue[];

/** A value with the type it has in the file. */
export interface MetadataEntry {
  /** The file's own: `uint32`, `array<string>`. */
  readonly type: ValueType;
  /** As `Metadata.get` gives it. */
  readonly value: MetadataValue;
  /** Where its file (of a split: the first) has it, type id included; absent for what was never read. */
  readonly range?: ByteRange;
}

/** A part of a file. */
export interface ByteRange {
  /** From the file's start, in bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly byteLength: number;
}

/** GGUF's key-value pairs with typed access; a value of another type than asked for is a `GgufError` naming the key. */
export interface Metadata {
  /** Whether the file has the key. */
  has(key: string): boolean;
  /** All keys, in the file's order. */
  keys(): Iterable<string>;
  /** Keys with values and their types in the file, in the file's order: what a writer needs. */
  entries(): Iterable<readonly [string, MetadataEntry]>;
  /** The value as it stands: number, bigint (beyond 2^53), boolean, string, typed array or array. */
  get(key: string): MetadataValue | undefined;
  /** A number of any width; `fallback` where the key is absent, an error where there is none. */
  number(key: string, fallback?: number): number;
  /** A text; `fallback` where the key is absent, an error where there is none. */
  string(key: string, fallback?: string): string;
  /** Yes or no; `fallback` where the key is absent, an error where there is none. */
  boolean(key: string, fallback?: boolean): boolean;
  /** An array of texts; an error where the key is absent. */
  strings(key: string): readonly string[];
  /** A numeric array of any width, 64-bit ones as Float64Array; an error beyond 2^53, or where the key is absent. */
  numbers(key: string): ArrayLike<number>;
}

/** The type whose values an array holds. */
export function numericTypeOf(array: NumericArray): NumericType {
  return (Object.keys(numericArrays) as NumericType[]).find((type) => array instanceof numericArrays[type])!;
}

/** `sourceName` stands in the errors. */
export function createMetadata(sourceName: string, entries: ReadonlyMap<string, MetadataEntry>): Metadata {
  return new EntryMetadata(sourceName, entries);
}

class EntryMetadata implements Metadata {
  readonly #sourceName: string;
  readonly #entries: ReadonlyMap<string, MetadataEntry>;

  constructor(sourceName: string, entries: ReadonlyMap<string, MetadataEntry>) {
    this.#sourceName = sourceName;
    this.#entries = entries;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  entries(): Iterable<readonly [string, MetadataEntry]> {
    return this.#entries.entries();
  }

  get(key: string): MetadataValue | undefined {
    return this.#entries.get(key)?.value;
  }

  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number') return value;
    throw this.#wrong(key, 'a number');
  }

  string(key: string, fallback?: string): string {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'string') return value;
    throw this.#wrong(key, 'a string');
  }

  boolean(key: string, fallback?: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.#wrong(key, 'a bool');
  }

  strings(key: string): readonly string[] {
    const entry = this.#entries.get(key);
    if (entry?.type === 'array<string>') return entry.value as readonly string[];
    throw this.#wrong(key, 'an array of strings');
  }

  numbers(key: string): ArrayLike<number> {
    const value = this.get(key);
    if (value instanceof BigUint64Array || value instanceof BigInt64Array) {
      const numbers = Float64Array.from(value, Number);
      if (numbers.every(Number.isSafeInteger)) return numbers;
    } else if (ArrayBuffer.isView(value)) {
      return value;
    }
    throw this.#wrong(key, 'an array of numbers');
  }

  #wrong(key: string, wanted: string): GgufError {
    const entry = this.#entries.get(key);
    if (!entry) return new GgufError(this.#sourceName, `metadata key ${quote(key)} is missing; ${wanted} is needed`);
    const beyond = entry.type.includes('int64') ? ', beyond 2^53' : '';
    return new GgufError(this.#sourceName, `metadata key ${quote(key)} is ${entry.type}${beyond}, not ${wanted}`);
  }
}
