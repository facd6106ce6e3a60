/** `object.name`, `object[key]` and `object[a:b]` with Jinja's rules. */
import { ChatTemplateError } from '../errors.ts';
import type { Budget } from './budget.ts';
import { findMethod } from './methods.ts';
import { hashable } from './operators.ts';
import { str } from './text.ts';
import {
  characterAt,
  charactersOf,
  isDict,
  isList,
  Markup,
  PyObject,
  plain,
  requireDefined,
  Tuple,
  tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/** A method or an attribute first, then a key of the name. */
export function getAttribute(object: Value, name: string, budget: Budget): Value {
  requireDefined(object);
  if (object instanceof Markup) return getAttribute(object.text, name, budget);
  const attribute = object instanceof PyObject ? object.attribute(name) : findMethod(object, name, budget);
  if (attribute !== undefined) return attribute;
  const item = isDict(object) ? object.get(name) : undefined;
  return item === undefined ? missing(object, name) : item;
}

/** A key or an index first, then a method of the name. */
export function getItem(object: Value, key: Value, budget: Budget): Value {
  requireDefined(object);
  if (object instanceof Markup || key instanceof Markup) return getItem(plain(object), plain(key), budget);
  if (isDict(object) && !isDict(key) && !isList(key)) {
    const item = object.get(hashable(key));
    if (item !== undefined) return item;
  }
  if (typeof key === 'number' || typeof key === 'boolean') {
    const item = itemAt(object, Number(key), budget);
    if (item !== undefined) return item;
  }
  if (typeof key === 'string') {
    const attribute = object instanceof PyObject ? object.attribute(key) : findMethod(object, key, budget);
    if (attribute !== undefined) return attribute;
  }
  return missing(object, str(key, budget));
}

function itemAt(object: Value, index: number, budget: Budget): Value | undefined {
  if (isList(object)) return object.at(index);
  if (typeof object !== 'string') return undefined;
  budget.read(object.length);
  return characterAt(object, index);
}

function missing(object: Value, name: string): Undefined {
  const owner = object === null ? 'None' : `${typeName(object)} object`;
  return new Undefined(`'${owner}' has no attribute '${name}'`);
}

export function slice(whole: Value, start: Value, stop: Value, step: Value, budget: Budget): Value {
  const object = plain(whole);
  if (typeof object !== 'string' && !isList(object)) return missing(object, 'slice');
  const items = typeof object === 'string' ? charactersOf(object) : object;
  const taken = indices(items.length, bound(start), bound(stop), bound(step) ?? 1);
  budget.items(taken.length);
  if (typeof object === 'string') return budget.text(taken.map((i) => items[i]).join(''));
  const list = taken.map((i) => object[i]!);
  return object instanceof Tuple ? tuple(list) : list;
}

function bound(value: Value): number | undefined {
  if (value === null) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
  throw new ChatTemplateError('slice indices must be integers or None');
}

function indices(length: number, start: number | undefined, stop: number | undefined, step: number): number[] {
  if (step === 0) throw new ChatTemplateError('slice step cannot be zero');
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (index: number) => Math.min(Math.max(index < 0 ? index + length : index, low), high);
  const from = start === undefined ? (step > 0 ? low : high) : clamp(start);
  const to = stop === undefined ? (step > 0 ? high : low) : clamp(stop);
  const taken: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) taken.push(i);
  return taken;
}
