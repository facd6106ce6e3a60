/** Where a GGUF header has its fields: what structured lies are told about. As far as the header makes sense. */

export type FieldKind =
  | 'version'
  | 'count'
  | 'length'
  | 'valueType'
  | 'scalar'
  | 'text'
  | 'dimensions'
  | 'tensorType'
  | 'offset';

export interface Field {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly byteLength: number;
}

/** [start, end) of a key with its value, or of a tensor's info. */
export type Span = readonly [start: number, end: number];

export interface Layout {
  readonly fields: readonly Field[];
  readonly entries: readonly Span[];
  readonly infos: readonly Span[];
  /** Where the header's last field ends. */
  readonly end: number;
}

const SCALAR_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;
/** Lies about the first elements of an array are lies about any. */
const WALKED_ELEMENTS = 8;

export function layoutOf(bytes: Uint8Array): Layout {
  const walk = new Walk(bytes);
  try {
    walk.header();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the view's: the header ends or lies here
  }
  return walk;
}

class Walk implements Layout {
  readonly fields: Field[] = [];
  readonly entries: Span[] = [];
  readonly infos: Span[] = [];
  end = 4;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  header(): void {
    this.#uint32('version');
    const tensorCount = this.#size('count');
    const keyCount = this.#size('count');
    for (let i = 0; i < keyCount; i++) this.#span(this.entries, () => this.#entry());
    for (let i = 0; i < tensorCount; i++) this.#span(this.infos, () => this.#info());
  }

  #span(spans: Span[], walk: () => void): void {
    const start = this.end;
    walk();
    spans.push([start, this.end]);
  }

  #entry(): void {
    this.#string();
    this.#value(this.#uint32('valueType'));
  }

  #value(type: number): void {
    if (type === STRING) this.#string();
    else if (type === ARRAY) this.#array();
    else this.#field('scalar', SCALAR_BYTES[type] ?? this.#view.byteLength);
  }

  #array(): void {
    const type = this.#uint32('valueType');
    const count = this.#size('length');
    for (let i = 0; i < count; i++) {
      if (type !== STRING && type !== ARRAY && i === WALKED_ELEMENTS) {
        this.end += (count - i) * (SCALAR_BYTES[type] ?? 0);
        return;
      }
      this.#value(type);
    }
  }

  #info(): void {
    this.#string();
    const dimensionCount = this.#uint32('dimensions');
    for (let i = 0; i < dimensionCount; i++) this.#size('length');
    this.#uint32('tensorType');
    this.#size('offset');
  }

  #string(): void {
    this.#field('text', this.#size('length'));
  }

  #uint32(kind: FieldKind): number {
    const at = this.end;
    this.#field(kind, 4);
    return this.#view.getUint32(at, true);
  }

  #size(kind: FieldKind): number {
    const at = this.end;
    this.#field(kind, 8);
    return Number(this.#view.getBigUint64(at, true));
  }

  #field(kind: FieldKind, byteLength: number): void {
    if (this.end + byteLength > this.#view.byteLength) throw new RangeError('the header ends here');
    this.fields.push({ kind, offset: this.end, byteLength });
    this.end += byteLength;
  }
}
