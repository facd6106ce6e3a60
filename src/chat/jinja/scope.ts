import { PyObject, Undefined, type Value } from './values.ts';

/** Names in a block, and around it. Each turn of a loop, each macro call and each captured block has its own. */
export class Scope {
  readonly #values: Map<string, Value>;
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope, values: Map<string, Value> = new Map()) {
    this.#outer = outer;
    this.#values = values;
  }

  get(name: string): Value {
    for (let scope: Scope | undefined = this; scope; scope = scope.#outer) {
      const value = scope.#values.get(name);
      if (value !== undefined) return value;
    }
    return new Undefined(`'${name}' is undefined`);
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}

/** `loop` in a for block. */
export class Loop extends PyObject {
  readonly typeName = 'LoopContext';
  readonly #items: readonly Value[];
  #changed: string | undefined;
  index = 0;

  constructor(items: readonly Value[]) {
    super();
    this.#items = items;
  }

  /** `changed(value)`: whether it is another than in the turn before; `text` is what is compared. */
  hasChanged(text: string): boolean {
    const changed = this.#changed !== text;
    this.#changed = text;
    return changed;
  }

  override attribute(name: string): Value | undefined {
    const { length } = this.#items;
    switch (name) {
      case 'index':
        return this.index + 1;
      case 'index0':
        return this.index;
      case 'revindex':
        return length - this.index;
      case 'revindex0':
        return length - this.index - 1;
      case 'first':
        return this.index === 0;
      case 'last':
        return this.index === length - 1;
      case 'length':
        return length;
      // Only recursive loops, which are not parsed, go deeper.
      case 'depth':
        return 1;
      case 'depth0':
        return 0;
      case 'previtem':
        return this.#itemAt(this.index - 1);
      case 'nextitem':
        return this.#itemAt(this.index + 1);
      default:
        return undefined;
    }
  }

  #itemAt(index: number): Value {
    const item = this.#items[index];
    return item === undefined ? new Undefined('there is no such item') : item;
  }
}
