/** Evaluates a template's expressions with Python's values. */
import { ChatTemplateError } from '../errors.ts';
import type { CallNode, Node } from './ast.ts';
import type { Budget } from './budget.ts';
import { findFilter } from './filters.ts';
import { getAttribute, getItem, slice } from './items.ts';
import { binary, compare, contains, hashable, isEqual } from './operators.ts';
import type { Runtime } from './runtime.ts';
import { Loop, type Scope } from './scope.ts';
import { applyTest } from './tests.ts';
import { repr, str } from './text.ts';
import {
  Callable,
  Float,
  isDict,
  isNumber,
  isTrue,
  iterate,
  type Keywords,
  numberOf,
  PyObject,
  requireDefined,
  tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in']);
const NO_KEYWORDS: Keywords = new Map();

export class Expressions implements Runtime {
  readonly budget: Budget;
  readonly guard: string;

  constructor(budget: Budget, guard: string) {
    this.budget = budget;
    this.guard = guard;
  }

  getItem(object: Value, key: Value): Value {
    return getItem(object, key, this.budget);
  }

  applyFilter(name: string, value: Value, args: readonly Value[], keywords: Keywords): Value {
    this.budget.step();
    const filter = findFilter(name);
    if (!filter) throw new ChatTemplateError(`no filter named '${name}'`);
    return filter(value, args, keywords, this);
  }

  evaluate(node: Node, scope: Scope): Value {
    this.budget.enter();
    const value = this.#evaluateNode(node, scope);
    this.budget.leave();
    return value;
  }

  #evaluateNode(node: Node, scope: Scope): Value {
    switch (node.type) {
      case 'StringLiteral':
      case 'IntegerLiteral':
        return node.value;
      case 'FloatLiteral':
        return new Float(node.value);
      case 'Identifier':
        return scope.get(node.value);
      case 'ArrayLiteral':
        return node.value.map((item) => this.evaluate(item, scope));
      case 'TupleLiteral':
        return tuple(node.value.map((item) => this.evaluate(item, scope)));
      case 'ObjectLiteral':
        return new Map(
          Array.from(node.value, ([key, item]) => [hashable(this.evaluate(key, scope)), this.evaluate(item, scope)]),
        );
      case 'MemberExpression':
        return this.#member(node, scope);
      case 'CallExpression':
        return this.#callNode(node, scope);
      case 'FilterExpression':
        return this.filter(this.evaluate(node.operand, scope), node.filter, scope);
      case 'BinaryExpression':
        return this.#binary(node, scope);
      case 'UnaryExpression':
        return this.#unary(node.operator.value, this.evaluate(node.argument, scope));
      case 'Ternary':
        return this.evaluate(isTrue(this.evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
      case 'SelectExpression':
        return isTrue(this.evaluate(node.test, scope))
          ? this.evaluate(node.lhs, scope)
          : new Undefined('the inline if-expression evaluated to false and no else section was defined.');
      default:
        throw new ChatTemplateError(`${node.type} cannot stand in an expression`);
    }
  }

  #member(node: Extract<Node, { type: 'MemberExpression' }>, scope: Scope): Value {
    const object = this.evaluate(node.object, scope);
    requireDefined(object);
    if (node.property.type === 'SliceExpression') {
      const { start, stop, step } = node.property;
      const bound = (part: Node | undefined) => (part ? this.evaluate(part, scope) : null);
      return slice(object, bound(start), bound(stop), bound(step), this.budget);
    }
    if (object instanceof Loop && node.property.type === 'Identifier' && !node.computed) {
      const own = this.#loopFunction(object, node.property.value);
      if (own) return own;
    }
    const key = this.propertyOf(node, scope);
    return node.computed || typeof key !== 'string'
      ? this.getItem(object, key)
      : getAttribute(object, key, this.budget);
  }

  #loopFunction(loop: Loop, name: string): Callable | undefined {
    if (name === 'changed') {
      return new Callable((args) => loop.hasChanged(repr(tuple(args), this.budget)));
    }
    if (name !== 'cycle') return undefined;
    return new Callable((args) => {
      const item = args[loop.index % args.length];
      return item === undefined ? new Undefined('no items for cycling given') : item;
    });
  }

  propertyOf(node: Extract<Node, { type: 'MemberExpression' }>, scope: Scope): Value {
    if (node.computed) return this.evaluate(node.property, scope);
    return (node.property as { value: string | number }).value;
  }

  #callNode(node: CallNode, scope: Scope): Value {
    const callee = this.evaluate(node.callee, scope);
    const [args, keywords] = this.evaluateArguments(node.args, scope);
    return this.call(callee, args, keywords);
  }

  call(callee: Value, args: readonly Value[], keywords: Keywords): Value {
    requireDefined(callee);
    if (!(callee instanceof PyObject) || !callee.call) {
      throw new ChatTemplateError(`'${typeName(callee)}' object is not callable`);
    }
    return callee.call(args, keywords);
  }

  evaluateArguments(nodes: readonly Node[], scope: Scope): [Value[], Keywords] {
    if (nodes.length === 0) return [[], NO_KEYWORDS];
    const args: Value[] = [];
    const keywords = new Map<string, Value>();
    for (const node of nodes) {
      if (node.type === 'KeywordArgumentExpression') {
        keywords.set(node.key.value, this.evaluate(node.value, scope));
      } else if (node.type === 'KeywordSpreadExpression') {
        const spread = this.evaluate(node.argument, scope);
        if (!isDict(spread))
          throw new ChatTemplateError(`argument after ** must be a mapping, not ${typeName(spread)}`);
        for (const [key, value] of spread) keywords.set(str(key, this.budget), value);
      } else if (node.type === 'SpreadExpression') {
        const items = iterate(this.evaluate(node.argument, scope));
        this.budget.items(items.length);
        for (const item of items) args.push(item);
      } else {
        args.push(this.evaluate(node, scope));
      }
    }
    return [args, keywords];
  }

  /** Tests come from the parser as filters named `is …`. */
  filter(operand: Value, filter: Node, scope: Scope): Value {
    const isCall = filter.type === 'CallExpression';
    const named = isCall ? filter.callee : filter;
    if (named.type !== 'Identifier') throw new ChatTemplateError(`${named.type} is no filter`);
    const [args, keywords] = isCall ? this.evaluateArguments(filter.args, scope) : [[], NO_KEYWORDS];
    const [, negated, test] = /^is (not )?(.+)$/s.exec(named.value) ?? [];
    if (test === undefined) return this.applyFilter(named.value, operand, args, keywords);
    if (test === 'filter')
      return typeof operand === 'string' && (findFilter(operand) !== undefined) !== Boolean(negated);
    return applyTest(test, operand, args, this.budget) !== Boolean(negated);
  }

  #binary(node: Extract<Node, { type: 'BinaryExpression' }>, scope: Scope): Value {
    const operator = node.operator.value;
    if (operator === 'and' || operator === 'or') {
      const left = this.evaluate(node.left, scope);
      return isTrue(left) === (operator === 'and') ? this.evaluate(node.right, scope) : left;
    }
    if (!COMPARISONS.has(operator)) {
      return binary(operator, this.evaluate(node.left, scope), this.evaluate(node.right, scope), this.budget);
    }
    return this.#compare(operator, this.evaluate(node.left, scope), this.evaluate(node.right, scope));
  }

  #compare(operator: string, left: Value, right: Value): boolean {
    switch (operator) {
      case '==':
        return isEqual(left, right, this.budget);
      case '!=':
        return !isEqual(left, right, this.budget);
      case 'in':
        return contains(right, left, this.budget);
      case 'not in':
        return !contains(right, left, this.budget);
    }
    const difference = compare(left, right, this.budget, operator);
    if (operator === '<') return difference < 0;
    if (operator === '<=') return difference <= 0;
    return operator === '>' ? difference > 0 : difference >= 0;
  }

  #unary(operator: string, value: Value): Value {
    if (operator === 'not') return !isTrue(value);
    requireDefined(value);
    if (!isNumber(value)) throw new ChatTemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
    const number = operator === '-' ? -numberOf(value) : numberOf(value);
    return value instanceof Float ? new Float(number) : number;
  }
}
