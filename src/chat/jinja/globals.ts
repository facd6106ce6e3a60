/** The names that every template finds: range, namespace, raise_exception, strftime_now and their like. */
import { ChatTemplateError } from '../errors.ts';
import { requireInt, requireText } from './arguments.ts';
import type { Budget } from './budget.ts';
import { strftime } from './strftime.ts';
import { str } from './text.ts';
import { Callable, isDict, iterate, type Keywords, lengthOf, Namespace, PyObject, type Value } from './values.ts';

/** As Jinja's sandbox has it. */
const LONGEST_RANGE = 100_000;

export function createGlobals(now: Date, budget: Budget): Map<string, Value> {
  const define = (call: (args: readonly Value[], keywords: Keywords) => Value) => new Callable(call);
  return new Map<string, Value>([
    ['true', true],
    ['True', true],
    ['false', false],
    ['False', false],
    ['none', null],
    ['None', null],
    ['range', define((args) => range(args, budget))],
    ['dict', define((args, keywords) => new Map([...entriesOf(args[0], budget), ...keywords]))],
    ['namespace', define((args, keywords) => new Namespace(new Map([...namesOf(args[0], budget), ...keywords])))],
    ['cycler', define((args) => new Cycler(args))],
    ['joiner', define((args) => joiner(args[0] === undefined ? ', ' : requireText("joiner's argument", args[0])))],
    [
      'raise_exception',
      define((args) => {
        throw new ChatTemplateError(str(args[0] ?? '', budget));
      }),
    ],
    ['strftime_now', define((args) => strftime(now, requireText("strftime_now's format", args[0])))],
  ]);
}

function range(args: readonly Value[], budget: Budget): Value[] {
  const [a, b, c] = args.map((value) => requireInt("range's argument", value, 0));
  const [start, stop, step] = b === undefined ? [0, a ?? 0, 1] : [a!, b, c ?? 1];
  if (step === 0) throw new ChatTemplateError('range() arg 3 must not be zero');
  const length = Math.max(Math.ceil((stop - start) / step), 0);
  if (length > LONGEST_RANGE) throw new ChatTemplateError(`range too big: at most ${LONGEST_RANGE} items`);
  budget.items(length);
  return Array.from({ length }, (_, i) => start + i * step);
}

function entriesOf(source: Value | undefined, budget: Budget): [Value, Value][] {
  if (source === undefined) return [];
  budget.items(lengthOf(source));
  if (isDict(source)) return [...source];
  return iterate(source).map((pair) => {
    const [key, value] = iterate(pair);
    if (key === undefined || value === undefined) throw new ChatTemplateError('dict() needs pairs');
    return [key, value];
  });
}

function namesOf(source: Value | undefined, budget: Budget): [string, Value][] {
  return entriesOf(source, budget).map(([key, value]) => [requireText('a name', key), value]);
}

class Cycler extends PyObject {
  readonly typeName = 'Cycler';
  readonly #items: readonly Value[];
  #at = 0;

  constructor(items: readonly Value[]) {
    super();
    if (items.length === 0) throw new ChatTemplateError('at least one item has to be provided');
    this.#items = items;
  }

  override attribute(name: string): Value | undefined {
    if (name === 'current') return this.#items[this.#at];
    if (name === 'next') return new Callable(() => this.#items[this.#at++ % this.#items.length]!);
    if (name !== 'reset') return undefined;
    return new Callable(() => {
      this.#at = 0;
      return null;
    });
  }
}

function joiner(separator: string): Callable {
  let used = false;
  return new Callable(() => {
    const text = used ? separator : '';
    used = true;
    return text;
  });
}
