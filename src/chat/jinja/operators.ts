/** Python's operators on template values; every one costs what it makes. */
import { ChatTemplateError } from '../errors.ts';
import type { Budget } from './budget.ts';
import { printf } from './format.ts';
import { str } from './text.ts';
import {
  Float,
  isDict,
  isList,
  isNumber,
  iterate,
  Markup,
  numberOf,
  plain,
  requireDefined,
  Tuple,
  tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

export function isEqual(a: Value, b: Value, budget: Budget): boolean {
  if (a instanceof Markup || b instanceof Markup) return isEqual(plain(a), plain(b), budget);
  budget.step();
  if (isNumber(a) && isNumber(b)) return numberOf(a) === numberOf(b);
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length === b.length) budget.read(a.length);
    return a === b;
  }
  if (a instanceof Undefined && b instanceof Undefined) return true;
  if (isList(a) && isList(b)) {
    return (
      a.length === b.length &&
      a instanceof Tuple === b instanceof Tuple &&
      a.every((item, i) => isEqual(item, b[i]!, budget))
    );
  }
  if (isDict(a) && isDict(b)) {
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && isEqual(item, b.get(key)!, budget));
  }
  return a === b;
}

/** Negative, zero or positive; throws where Python cannot order the two. */
export function compare(a: Value, b: Value, budget: Budget, operator = '<'): number {
  if (a instanceof Markup || b instanceof Markup) return compare(plain(a), plain(b), budget, operator);
  budget.step();
  if (isNumber(a) && isNumber(b)) return numberOf(a) - numberOf(b);
  if (typeof a === 'string' && typeof b === 'string') {
    budget.read(Math.min(a.length, b.length));
    return compareStrings(a, b);
  }
  if (isList(a) && isList(b) && a instanceof Tuple === b instanceof Tuple) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      if (!isEqual(a[i]!, b[i]!, budget)) return compare(a[i]!, b[i]!, budget, operator);
    }
    return a.length - b.length;
  }
  requireDefined(a);
  requireDefined(b);
  throw new ChatTemplateError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** By code points: UTF-16 puts what is beyond U+FFFF before U+E000. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  let i = 0;
  while (i < a.length && i < b.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  const rank = (text: string) => {
    const unit = i < text.length ? text.charCodeAt(i) : -1;
    return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
  };
  return rank(a) - rank(b);
}

export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (container instanceof Markup || item instanceof Markup) return contains(plain(container), plain(item), budget);
  if (typeof container === 'string') {
    requireDefined(item);
    if (typeof item !== 'string') {
      throw new ChatTemplateError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    budget.read(container.length);
    return container.includes(item);
  }
  if (isDict(container)) return container.has(hashable(item));
  if (container === null || isNumber(container)) {
    throw new ChatTemplateError(`argument of type '${typeName(container)}' is not iterable`);
  }
  const items = iterate(container);
  budget.read(items.length);
  return items.some((other) => isEqual(item, other, budget));
}

/** A dict's keys are compared by value, so that 1.0 finds 1; lists and dicts are no keys. */
export function hashable(key: Value): Value {
  if (key instanceof Float) return Number.isInteger(key.value) ? key.value : key;
  if (isDict(key) || (isList(key) && !(key instanceof Tuple))) {
    throw new ChatTemplateError(`unhashable type: '${typeName(key)}'`);
  }
  return key;
}

export function binary(operator: string, a: Value, b: Value, budget: Budget): Value {
  if (operator === '~') return budget.text(str(a, budget) + str(b, budget));
  requireDefined(a);
  requireDefined(b);
  if (a instanceof Markup || b instanceof Markup) return withMarkup(operator, a, b, budget);
  if (isNumber(a) && isNumber(b)) return arithmetic(operator, a, b);
  if (operator === '+') {
    if (typeof a === 'string' && typeof b === 'string') return budget.text(a + b);
    if (isList(a) && isList(b) && a instanceof Tuple === b instanceof Tuple) {
      budget.items(a.length + b.length);
      return a instanceof Tuple ? tuple([...a, ...b]) : [...a, ...b];
    }
    if (typeof a === 'string') throw new ChatTemplateError(`can only concatenate str (not "${typeName(b)}") to str`);
    if (isList(a)) throw new ChatTemplateError(`can only concatenate list (not "${typeName(b)}") to list`);
  }
  if (operator === '*') {
    if (isInt(b) && (typeof a === 'string' || isList(a))) return repeat(a, Number(b), budget);
    if (isInt(a) && (typeof b === 'string' || isList(b))) return repeat(b, Number(a), budget);
  }
  if (operator === '%' && typeof a === 'string') return budget.text(printf(a, b, budget));
  throw new ChatTemplateError(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

function withMarkup(operator: string, a: Value, b: Value, budget: Budget): Value {
  const [left, right] = [plain(a), plain(b)];
  if (operator !== '+' || typeof left !== 'string' || typeof right !== 'string')
    return binary(operator, left, right, budget);
  return new Markup(budget.text(escapeHtml(a, left) + escapeHtml(b, right)));
}

/** The text for HTML, as it is where it is marked safe. */
export function escapeHtml(value: Value, text: string): string {
  if (value instanceof Markup) return text;
  const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' };
  return text.replace(/[&<>'"]/g, (character) => escapes[character]!);
}

function isInt(value: Value): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

function repeat(value: string | readonly Value[], count: number, budget: Budget): Value {
  const times = Math.max(count, 0);
  if (typeof value === 'string') {
    budget.reserve(value.length * times);
    return value.repeat(times);
  }
  budget.items(value.length * times);
  const items = Array.from({ length: times }, () => value).flat();
  return value instanceof Tuple ? tuple(items) : items;
}

function arithmetic(operator: string, left: number | boolean | Float, right: number | boolean | Float): Value {
  const [a, b] = [numberOf(left), numberOf(right)];
  const isFloat = left instanceof Float || right instanceof Float;
  const result = (value: number) => {
    if (isFloat) return new Float(value);
    if (!Number.isFinite(value)) throw new ChatTemplateError('an integer grew too large');
    return value;
  };
  switch (operator) {
    case '+':
      return result(a + b);
    case '-':
      return result(a - b);
    case '*':
      return result(a * b);
    case '**':
      if (a === 0 && b < 0) throw new ChatTemplateError('0.0 cannot be raised to a negative power');
      return b < 0 ? new Float(a ** b) : result(a ** b);
  }
  if (b === 0) throw new ChatTemplateError('division by zero');
  switch (operator) {
    case '/':
      return new Float(a / b);
    case '//':
      return result(Math.floor(a / b));
    case '%':
      return result(a - b * Math.floor(a / b));
  }
  throw new ChatTemplateError(`unknown operator ${operator}`);
}
