/** Metadata values: scalars, strings, arrays of them, arrays of arrays. */
import { quote } from './errors.ts';
import type { HeaderReader } from './header_reader.ts';
import {
  type MetadataEntry,
  type MetadataValue,
  type NumericArray,
  type NumericType,
  numericArrays,
  type ScalarType,
  valueTypes,
} from './metadata.ts';

/** Nothing known nests at all (llama.cpp refuses it); this keeps recursion off the stack's end. */
const MAX_ARRAY_DEPTH = 8;
/** An array inside an array costs 12 bytes in the file and a few hundred in memory. */
const MAX_NESTED_ARRAY_COUNT = 65_536;
/** An element takes several times its bytes in memory or as JSON. The largest vocabularies have 2,000,000 in all. */
const MAX_ELEMENT_COUNT = 4_194_304;
/** Of one string: chat templates have 10 KB, a tokenizer.json that some files carry whole some MB. */
const MAX_STRING_BYTES = 16 * 1024 * 1024;

/** What all of a file's values together may still cost. */
export class ValueBudget {
  #nestedArrayCount = MAX_NESTED_ARRAY_COUNT;
  #elementCount = MAX_ELEMENT_COUNT;

  /** Refuses `count` more elements, beyond the limits or the file's size. */
  spend(reader: HeaderReader, elementType: ScalarType | 'array', count: number, what: string): void {
    reader.requireRemaining(count * minElementBytes(elementType), what);
    this.#elementCount -= count;
    if (this.#elementCount < 0) throw reader.error(`${what} brings more than ${MAX_ELEMENT_COUNT} array elements`);
    if (elementType === 'array') this.#nestedArrayCount -= count;
    if (this.#nestedArrayCount < 0) throw reader.error(`${what} brings more than ${MAX_NESTED_ARRAY_COUNT} arrays`);
  }
}

/** In the file: a string's length, a bool's byte, an array's type and length, a number. */
function minElementBytes(type: ScalarType | 'array'): number {
  if (type === 'string') return 8;
  if (type === 'bool') return 1;
  return type === 'array' ? 12 : numericArrays[type].BYTES_PER_ELEMENT;
}

/** The value after `key`: its type's id, then the value itself. */
export async function readValue(reader: HeaderReader, key: string, budget: ValueBudget): Promise<MetadataEntry> {
  const { offset } = reader;
  const entry = await readTyped(reader, `the value of ${quote(key)}`, budget);
  return { ...entry, range: { offset, byteLength: reader.offset - offset } };
}

async function readTyped(reader: HeaderReader, what: string, budget: ValueBudget): Promise<MetadataEntry> {
  const type = await readType(reader, what);
  if (type !== 'array') return { type, value: await readScalar(reader, type, what) };
  const { elementType, value } = await readArray(reader, what, 1, budget);
  return { type: `array<${elementType}>`, value };
}

async function readType(reader: HeaderReader, what: string): Promise<(typeof valueTypes)[number]> {
  await reader.need(4, what);
  const id = reader.uint32();
  const type = valueTypes[id];
  if (!type) throw reader.error(`${what} has type ${id}; GGUF has types 0 to ${valueTypes.length - 1}`);
  return type;
}

async function readScalar(reader: HeaderReader, type: ScalarType, what: string): Promise<MetadataValue> {
  if (type === 'string') return readString(reader, what);
  if (type === 'bool') return (await readBools(reader, 1, what))[0]!;
  const value = (await readNumbers(reader, 1, type, what))[0]!;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

async function readString(reader: HeaderReader, what: string): Promise<string> {
  await reader.need(8, what);
  const byteLength = stringBytes(reader, what);
  await reader.need(byteLength, what);
  return reader.text(byteLength);
}

function stringBytes(reader: HeaderReader, what: string): number {
  const byteLength = reader.size(`the length of ${what}`);
  if (byteLength <= MAX_STRING_BYTES) return byteLength;
  reader.requireRemaining(byteLength, what);
  throw reader.error(`${what} has ${byteLength} bytes of text, more than ${MAX_STRING_BYTES}`);
}

interface ArrayValue {
  readonly elementType: ScalarType | 'array';
  readonly value: NumericArray | readonly MetadataValue[];
}

async function readArray(reader: HeaderReader, what: string, depth: number, budget: ValueBudget): Promise<ArrayValue> {
  const elementType = await readType(reader, what);
  await reader.need(8, what);
  const count = reader.size(`the length of ${what}`);
  budget.spend(reader, elementType, count, what);
  switch (elementType) {
    case 'string':
      return { elementType, value: await readStrings(reader, count, what) };
    case 'bool':
      return { elementType, value: await readBools(reader, count, what) };
    case 'array':
      return { elementType, value: await readArrays(reader, count, what, depth + 1, budget) };
    default:
      return { elementType, value: await readNumbers(reader, count, elementType, what) };
  }
}

/** Awaits only where a piece ends: with a vocabulary of 256,000 this loop is the parser's whole cost. */
async function readStrings(reader: HeaderReader, count: number, what: string): Promise<string[]> {
  const strings = new Array<string>(count);
  for (let i = 0; i < count; i++) {
    if (!reader.has(8)) await reader.need(8, what);
    const byteLength = stringBytes(reader, what);
    if (!reader.has(byteLength)) await reader.need(byteLength, what);
    strings[i] = reader.text(byteLength);
  }
  return strings;
}

async function readBools(reader: HeaderReader, count: number, what: string): Promise<boolean[]> {
  const bytes = new Uint8Array(count);
  await reader.bytes(bytes, what);
  return Array.from(bytes, (byte) => byte !== 0);
}

async function readNumbers(
  reader: HeaderReader,
  count: number,
  type: NumericType,
  what: string,
): Promise<NumericArray> {
  const array = numericArrays[type];
  const numbers = new array(count);
  await reader.bytes(new Uint8Array(numbers.buffer), what);
  return numbers;
}

async function readArrays(
  reader: HeaderReader,
  count: number,
  what: string,
  depth: number,
  budget: ValueBudget,
): Promise<MetadataValue[]> {
  if (depth > MAX_ARRAY_DEPTH) throw reader.error(`${what} nests arrays deeper than ${MAX_ARRAY_DEPTH}`);
  const arrays: MetadataValue[] = [];
  for (let i = 0; i < count; i++) arrays.push((await readArray(reader, what, depth, budget)).value);
  return arrays;
}
