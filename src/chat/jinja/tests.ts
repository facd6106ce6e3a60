/** Jinja's tests: `x is defined`. */
import { ChatTemplateError } from '../errors.ts';
import type { Budget } from './budget.ts';
import { compare, contains, isEqual } from './operators.ts';
import {
  Callable,
  Float,
  Generator,
  isDict,
  isList,
  isNumber,
  numberOf,
  PyObject,
  plain,
  requireDefined,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

type Test = (value: Value, argument: Value, budget: Budget) => boolean;

const isInteger = (value: Value) => typeof value === 'number';
const isUndefined = (value: Value) => value instanceof Undefined;

function remainder(value: Value, divisor: Value): number {
  requireDefined(value);
  if (!isNumber(value) || !isNumber(divisor)) {
    throw new ChatTemplateError(`unsupported operand type(s) for %: '${typeName(value)}' and '${typeName(divisor)}'`);
  }
  return numberOf(value) % numberOf(divisor);
}

const eq: Test = (value, argument, budget) => isEqual(value, argument, budget);
const ne: Test = (value, argument, budget) => !isEqual(value, argument, budget);
const lt: Test = (value, argument, budget) => compare(value, argument, budget, '<') < 0;
const le: Test = (value, argument, budget) => compare(value, argument, budget, '<=') <= 0;
const gt: Test = (value, argument, budget) => compare(value, argument, budget, '>') > 0;
const ge: Test = (value, argument, budget) => compare(value, argument, budget, '>=') >= 0;

const tests: Readonly<Record<string, Test>> = {
  defined: (value) => !isUndefined(value),
  undefined: isUndefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  true: (value) => value === true,
  false: (value) => value === false,
  integer: isInteger,
  float: (value) => value instanceof Float,
  number: isNumber,
  string: (value) => typeof value === 'string',
  mapping: isDict,
  sequence: (value) => typeof value === 'string' || isList(value) || isDict(value) || isUndefined(value),
  iterable: (value) =>
    typeof value === 'string' || isList(value) || isDict(value) || isUndefined(value) || value instanceof Generator,
  callable: (value) => value instanceof Callable || (value instanceof PyObject && value.call !== undefined),
  lower: (value) => typeof value === 'string' && value === value.toLowerCase() && value !== value.toUpperCase(),
  upper: (value) => typeof value === 'string' && value === value.toUpperCase() && value !== value.toLowerCase(),
  odd: (value) => Math.abs(remainder(value, 2)) === 1,
  even: (value) => remainder(value, 2) === 0,
  divisibleby: (value, argument) => remainder(value, argument) === 0,
  in: (value, argument, budget) => contains(argument, value, budget),
  sameas: (value, argument) => value === argument,
  escaped: () => false,
  eq,
  equalto: eq,
  '==': eq,
  ne,
  '!=': ne,
  lt,
  lessthan: lt,
  '<': lt,
  le,
  '<=': le,
  gt,
  greaterthan: gt,
  '>': gt,
  ge,
  '>=': ge,
};

export function applyTest(name: string, value: Value, args: readonly Value[], budget: Budget): boolean {
  if (!Object.hasOwn(tests, name)) throw new ChatTemplateError(`no test named '${name}'`);
  return tests[name]!(plain(value), plain(args[0] ?? null), budget);
}
