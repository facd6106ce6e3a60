/** Little-endian fields and metadata values, in a buffer that grows. */
import { GgufError, quote } from './errors.ts';
import {
  type MetadataEntry,
  type MetadataValue,
  type NumericArray,
  type NumericType,
  numericArrays,
  numericTypeOf,
  valueTypes,
} from './metadata.ts';

type WrittenType = (typeof valueTypes)[number];

/** An entry that is written as its file had it: type id and value, with what does not survive decoding. */
export interface RawEntry extends MetadataEntry {
  readonly raw: Uint8Array;
}

export class FieldWriter {
  #buffer = new Uint8Array(64 * 1024);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;
  readonly #encoder = new TextEncoder();

  uint32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  /** A uint64 that counts or measures something. */
  size(value: number): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
  }

  string(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.size(bytes.length);
    this.bytes(bytes);
  }

  entry(entry: MetadataEntry | RawEntry): void {
    if ('raw' in entry) this.bytes(entry.raw);
    else this.#typed(entry);
  }

  pad(alignment: number): void {
    const rest = this.#length % alignment;
    if (rest > 0) this.#grow(alignment - rest);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  #typed({ type, value }: MetadataEntry): void {
    const [, elementType] = /^array<(.*)>$/.exec(type) ?? [];
    this.#type(elementType === undefined ? type : 'array');
    if (elementType === undefined) this.#scalar(type as WrittenType, value);
    else this.#array(elementType as WrittenType, value);
  }

  #type(type: string): void {
    const id = (valueTypes as readonly string[]).indexOf(type);
    if (id < 0) throw new GgufError('writer', `GGUF has no value type ${quote(type)}`);
    this.uint32(id);
  }

  #array(elementType: WrittenType, value: MetadataValue): void {
    const elements = value as ArrayLike<MetadataValue>;
    this.#type(elementType);
    this.size(elements.length);
    if (ArrayBuffer.isView(value)) {
      this.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      return;
    }
    for (let i = 0; i < elements.length; i++) {
      if (elementType === 'array') this.#array(elementTypeOf(elements[i]!), elements[i]!);
      else this.#scalar(elementType, elements[i]!);
    }
  }

  #scalar(type: WrittenType, value: MetadataValue): void {
    if (type === 'string') {
      this.string(value as string);
    } else if (type === 'bool') {
      this.bytes(Uint8Array.of(value ? 1 : 0));
    } else {
      const one = new numericArrays[type as NumericType](1);
      if (one instanceof BigUint64Array || one instanceof BigInt64Array) one[0] = BigInt(value as number | bigint);
      else one[0] = value as number;
      this.bytes(new Uint8Array(one.buffer));
    }
  }

  /** Makes room for `byteLength` more bytes, in a new buffer where need be, and returns where they start. */
  #grow(byteLength: number): number {
    const at = this.#length;
    this.#length += byteLength;
    if (this.#length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The element type of an array inside an array, which the array itself says; an empty plain one is taken for strings. */
function elementTypeOf(array: MetadataValue): WrittenType {
  if (ArrayBuffer.isView(array)) return numericTypeOf(array as NumericArray);
  const [first] = array as readonly MetadataValue[];
  if (typeof first === 'boolean') return 'bool';
  return typeof first === 'object' ? 'array' : 'string';
}
