/** Runs a parsed template as Jinja2 does in transformers' sandbox, with Python's values and within a budget. */
import { ChatTemplateError } from '../errors.ts';
import type { CallStatementNode, ForNode, Node } from './ast.ts';
import { Budget } from './budget.ts';
import { Expressions } from './expressions.ts';
import { createGlobals } from './globals.ts';
import { Loop, Scope } from './scope.ts';
import { str } from './text.ts';
import { Callable, isTrue, iterate, type Keywords, Namespace, tuple, Undefined, type Value } from './values.ts';

export interface RenderContext {
  readonly variables: Map<string, Value>;
  readonly now: Date;
  readonly guard: string;
}

export function render(program: Node, { variables, now, guard }: RenderContext): string {
  const budget = new Budget();
  const globals = new Scope(undefined, createGlobals(now, budget));
  return new Interpreter(budget, guard).run(program, new Scope(globals, variables));
}

class Interpreter extends Expressions {
  /** Set by break and continue until the loop sees it. */
  #jump: 'Break' | 'Continue' | undefined;

  run(program: Node, scope: Scope): string {
    if (program.type !== 'Program') throw new ChatTemplateError('the chat template is no program');
    return this.#renderBody(program.body, scope);
  }

  #renderBody(body: readonly Node[], scope: Scope): string {
    this.budget.enter();
    let text = '';
    for (const node of body) {
      const part = this.#renderNode(node, scope);
      text += part;
      this.budget.grow(text.length, part.length);
      if (this.#jump) break;
    }
    this.budget.leave();
    return text;
  }

  #renderNode(node: Node, scope: Scope): string {
    switch (node.type) {
      case 'StringLiteral':
        return node.value;
      case 'Comment':
        return '';
      case 'Set':
        this.#set(node, scope);
        return '';
      case 'If':
        return this.#renderBody(isTrue(this.evaluate(node.test, scope)) ? node.body : node.alternate, scope);
      case 'For':
        return this.#renderFor(node, scope);
      case 'Break':
      case 'Continue':
        this.#jump = node.type;
        return '';
      case 'Macro':
        scope.set(node.name.value, this.#macro(node.name.value, node.args, node.body, scope));
        return '';
      case 'CallStatement':
        return str(this.#callBlock(node, scope), this.budget);
      case 'FilterStatement':
        return str(this.filter(this.#renderBody(node.body, new Scope(scope)), node.filter, scope), this.budget);
      default:
        return str(this.evaluate(node, scope), this.budget);
    }
  }

  #renderFor(node: ForNode, scope: Scope): string {
    const isFiltered = node.iterable.type === 'SelectExpression';
    const source = this.evaluate(isFiltered ? (node.iterable as { lhs: Node }).lhs : node.iterable, scope);
    let items = iterate(source);
    this.budget.items(items.length);
    if (node.iterable.type === 'SelectExpression') {
      const { test } = node.iterable;
      items = items.filter((item) => {
        const inner = new Scope(scope);
        this.#assign(node.loopvar, item, inner);
        return isTrue(this.evaluate(test, inner));
      });
    }
    if (items.length === 0) return this.#renderBody(node.defaultBlock, new Scope(scope));
    const loop = new Loop(items);
    let text = '';
    for (loop.index = 0; loop.index < items.length; loop.index++) {
      const inner = new Scope(scope);
      inner.set('loop', loop);
      this.#assign(node.loopvar, items[loop.index]!, inner);
      const part = this.#renderBody(node.body, inner);
      text += part;
      this.budget.grow(text.length, part.length);
      const jump = this.#jump;
      this.#jump = undefined;
      if (jump === 'Break') break;
    }
    return text;
  }

  #set(node: Extract<Node, { type: 'Set' }>, scope: Scope): void {
    const value = node.value ? this.evaluate(node.value, scope) : this.#renderBody(node.body, new Scope(scope));
    this.#assign(node.assignee, value, scope);
  }

  #assign(target: Node, value: Value, scope: Scope): void {
    if (target.type === 'Identifier') {
      scope.set(target.value, value);
    } else if (target.type === 'TupleLiteral') {
      const items = iterate(value);
      if (items.length !== target.value.length) {
        throw new ChatTemplateError(`cannot unpack ${items.length} values into ${target.value.length}`);
      }
      target.value.forEach((part, i) => {
        this.#assign(part, items[i]!, scope);
      });
    } else if (target.type === 'MemberExpression') {
      const object = this.evaluate(target.object, scope);
      if (!(object instanceof Namespace))
        throw new ChatTemplateError('cannot assign attribute on non-namespace object');
      object.attributes.set(str(this.propertyOf(target, scope), this.budget), value);
    } else {
      throw new ChatTemplateError(`cannot assign to ${target.type}`);
    }
  }

  #macro(name: string, parameters: readonly Node[], body: readonly Node[], scope: Scope): Callable {
    const names = parameters.map((parameter) => parameterName(parameter));
    const takesMore = mentions(body, 'varargs');
    const takesKeywords = mentions(body, 'kwargs');
    const call = (args: readonly Value[], keywords: Keywords): Value => {
      if (args.length > names.length && !takesMore) {
        throw new ChatTemplateError(`macro '${name}' takes not more than ${names.length} argument(s)`);
      }
      const inner = new Scope(scope);
      const rest = new Map<Value, Value>(keywords);
      inner.set('caller', keywords.get('caller') ?? new Undefined('No caller defined'));
      rest.delete('caller');
      inner.set('varargs', tuple(args.slice(names.length)));
      parameters.forEach((parameter, i) => {
        const given = i < args.length ? args[i] : rest.get(names[i]!);
        rest.delete(names[i]!);
        if (given !== undefined) inner.set(names[i]!, given);
        else if (parameter.type === 'KeywordArgumentExpression')
          inner.set(names[i]!, this.evaluate(parameter.value, inner));
        else inner.set(names[i]!, new Undefined(`parameter '${names[i]}' was not provided`));
      });
      if (rest.size > 0 && !takesKeywords) {
        throw new ChatTemplateError(
          `macro '${name}' takes no keyword argument '${str([...rest.keys()][0]!, this.budget)}'`,
        );
      }
      inner.set('kwargs', rest);
      const text = this.#renderBody(body, inner);
      this.#jump = undefined;
      return text;
    };
    return new Callable(
      call,
      new Map<string, Value>([
        ['name', name],
        ['arguments', tuple(names)],
      ]),
    );
  }

  #callBlock(node: CallStatementNode, scope: Scope): Value {
    const caller = this.#macro('caller', node.callerArgs ?? [], node.body, scope);
    const [args, keywords] = this.evaluateArguments(node.call.args, scope);
    return this.call(this.evaluate(node.call.callee, scope), args, new Map(keywords).set('caller', caller));
  }
}

function parameterName(parameter: Node): string {
  if (parameter.type === 'Identifier') return parameter.value;
  if (parameter.type === 'KeywordArgumentExpression') return parameter.key.value;
  throw new ChatTemplateError(`${parameter.type} is no parameter`);
}

function mentions(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((item) => mentions(item, name));
  if (node instanceof Map) return [...node].some((pair) => mentions(pair, name));
  if (node === null || typeof node !== 'object') return false;
  const { type, value } = node as { type?: unknown; value?: unknown };
  if (type === 'Identifier' && value === name) return true;
  return Object.values(node).some((part) => mentions(part, name));
}
