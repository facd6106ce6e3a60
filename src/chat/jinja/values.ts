import { ChatTemplateError } from '../errors.ts';

/** Python's values as a template sees them. Integers are numbers, lists are arrays, dicts are maps, None is null. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Markup
  | Float
  | Undefined
  | readonly Value[]
  | Dict
  | Generator
  | PyObject;
export type Dict = ReadonlyMap<Value, Value>;

/** A Python float: 2.0 prints as `2.0`, which a JavaScript number cannot tell from 2. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** What `safe` and `escape` give: a text that escapes for HTML what is added to it. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Text for text, whether it was marked safe or not. */
export function plain(value: Value): Value {
  return value instanceof Markup ? value.text : value;
}

/** What a missing name or key gives: empty where it is printed or looped over, an error where it is used further. */
export class Undefined {
  /** Such as `'tools' is undefined`. */
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** A list that prints in parentheses and equals no list. */
export class Tuple extends Array<Value> {
  /** What is made from a tuple's items is a list. */
  static override get [Symbol.species]() {
    return Array;
  }
}

export function tuple(items: readonly Value[]): Tuple {
  const made = new Tuple();
  for (const item of items) made.push(item);
  return made;
}

/** What `select`, `map` and their like give: true whatever is in it, without a length, spent once it was looped over. */
export class Generator {
  #items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.#items = items;
  }

  takeAll(): readonly Value[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }

  takeFirst(): Value | undefined {
    const first = this.#items[0];
    this.#items = this.#items.slice(1);
    return first;
  }
}

export type Keywords = ReadonlyMap<string, Value>;

/** Anything with attributes or behaviour of its own. */
export abstract class PyObject {
  /** Python's name of the type, for messages. */
  abstract readonly typeName: string;
  /** `undefined` where there is no such attribute. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }
  call?(args: readonly Value[], keywords: Keywords): Value;
}

export class Callable extends PyObject {
  readonly typeName = 'function';
  readonly #call: (args: readonly Value[], keywords: Keywords) => Value;
  readonly #attributes: ReadonlyMap<string, Value>;

  constructor(
    call: (args: readonly Value[], keywords: Keywords) => Value,
    attributes: ReadonlyMap<string, Value> = new Map(),
  ) {
    super();
    this.#call = call;
    this.#attributes = attributes;
  }

  override attribute(name: string): Value | undefined {
    return this.#attributes.get(name);
  }

  override call(args: readonly Value[], keywords: Keywords): Value {
    return this.#call(args, keywords);
  }
}

/** `namespace()`: what loops may write to. */
export class Namespace extends PyObject {
  readonly typeName = 'Namespace';
  readonly attributes: Map<string, Value>;

  constructor(attributes: Map<string, Value>) {
    super();
    this.attributes = attributes;
  }

  override attribute(name: string): Value | undefined {
    return this.attributes.get(name);
  }
}

export function isNumber(value: Value): value is number | boolean | Float {
  return typeof value === 'number' || typeof value === 'boolean' || value instanceof Float;
}

/** The number in an int, a bool or a float. */
export function numberOf(value: number | boolean | Float): number {
  return value instanceof Float ? value.value : Number(value);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isDict(value: Value): value is Dict {
  return value instanceof Map;
}

export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (value instanceof Tuple) return 'tuple';
  if (isList(value)) return 'list';
  if (isDict(value)) return 'dict';
  if (value instanceof PyObject) return value.typeName;
  if (value instanceof Generator) return 'generator';
  if (value instanceof Float) return 'float';
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Markup) return 'Markup';
  return { string: 'str', number: 'int', boolean: 'bool' }[typeof value as 'string' | 'number' | 'boolean'];
}

export function isTrue(value: Value): boolean {
  if (value instanceof Markup) return value.text !== '';
  if (value instanceof Undefined) return false;
  if (value instanceof Float) return value.value !== 0;
  if (isList(value)) return value.length > 0;
  if (isDict(value)) return value.size > 0;
  return Boolean(value);
}

/** What a loop goes over; a string gives its characters, a dict its keys. */
export function iterate(value: Value): readonly Value[] {
  if (isList(value)) return value;
  if (typeof value === 'string') return [...value];
  if (value instanceof Markup) return [...value.text];
  if (isDict(value)) return [...value.keys()];
  if (value instanceof Undefined) return [];
  if (value instanceof Generator) return value.takeAll();
  throw new ChatTemplateError(`'${typeName(value)}' object is not iterable`);
}

export function lengthOf(value: Value): number {
  if (value instanceof Markup) return countCharacters(value.text);
  if (typeof value === 'string') return countCharacters(value);
  if (isList(value)) return value.length;
  if (isDict(value)) return value.size;
  if (value instanceof Undefined) return 0;
  throw new ChatTemplateError(`object of type '${typeName(value)}' has no len()`);
}

/** Python counts code points. */
function countCharacters(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if (text.charCodeAt(i) >> 10 === 0x36 && text.charCodeAt(i + 1) >> 10 === 0x37) {
      count--;
      i++;
    }
  }
  return count;
}

/** A string cut into code points; one array entry per UTF-16 unit where they are the same. */
export function charactersOf(text: string): readonly string[] | string {
  return /[\ud800-\udfff]/.test(text) ? [...text] : text;
}

/** The code point at `index`, from the end where it is negative; `undefined` beyond. */
export function characterAt(text: string, index: number): string | undefined {
  if (!/[\ud800-\udfff]/.test(text)) return text.at(index);
  let left = index < 0 ? countCharacters(text) + index : index;
  if (left < 0) return undefined;
  for (const character of text) if (left-- === 0) return character;
  return undefined;
}

/** Throws what an undefined value throws where it is used. */
export function requireDefined(value: Value): void {
  if (value instanceof Undefined) throw new ChatTemplateError(value.message);
}
