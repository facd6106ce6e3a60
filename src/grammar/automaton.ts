/** A grammar over bytes: nodes with edges that read a byte, cost nothing, or go through another rule. */
import { distancesToEnd } from './distances.ts';
import { GrammarError } from './errors.ts';
import type { Expression, Grammar } from './expression.ts';
import { maxNodes } from './limits.ts';
import { type ByteRange, utf8Ranges } from './utf8.ts';

export interface ByteEdge {
  readonly first: number;
  readonly last: number;
  readonly to: number;
}

export interface Node {
  readonly bytes: ByteEdge[];
  readonly free: number[];
  readonly calls: { readonly rule: number; readonly to: number }[];
}

export interface Rule {
  readonly start: number;
  readonly end: number;
}

/** From a node on, `rule`s are read from `start` to `end`; what can never end is left out. */
export interface Automaton {
  readonly nodes: readonly Node[];
  readonly rules: readonly Rule[];
  readonly root: number;
  /** Bytes from each node to the end of its rule, at least. */
  readonly distances: Float64Array;
}

/** Repetitions of more nodes than this, all together, are a rule of their own that is called so often. */
const maxInlined = 64;

const utf8 = new TextEncoder();

/** Throws `GrammarError` where it is too large, a rule begins with itself, or nothing matches the root. */
export function automatonOf({ root, rules }: Grammar): Automaton {
  const builder = new Builder([...rules.keys()]);
  for (const [name, expression] of rules) builder.define(builder.ruleOf(name), expression);
  builder.defineHoisted();
  const { nodes, rules: ranges } = builder;
  const automaton = { nodes, rules: ranges, root: builder.ruleOf(root), distances: distancesToEnd(nodes, ranges) };
  leaveOutWhatNeverEnds(automaton);
  refuseLeftRecursion(automaton, builder.names);
  return automaton;
}

class Builder {
  readonly nodes: Node[] = [];
  readonly rules: Rule[] = [];
  readonly names: string[];
  readonly #numbers: ReadonlyMap<string, number>;
  /** Repeated parts that became rules, not all of them defined yet. */
  readonly #hoisted = new Map<Expression, number>();
  readonly #sizes = new Map<Expression, number>();
  /** Nodes from which the last bytes of a character lead to a node. */
  readonly #tails = new Map<string, number>();

  constructor(names: string[]) {
    this.names = names;
    this.#numbers = new Map(names.map((name, i) => [name, i]));
    for (const _ of names) this.rules.push({ start: this.#node(), end: this.#node() });
  }

  ruleOf(name: string): number {
    return this.#numbers.get(name) as number;
  }

  define(number: number, expression: Expression): void {
    const { start, end } = this.rules[number] as Rule;
    this.#add(expression, start, end);
  }

  defineHoisted(): void {
    for (const [expression, number] of this.#hoisted) this.define(number, expression); // more may come meanwhile
  }

  #node(): number {
    if (this.nodes.length >= maxNodes) {
      throw new GrammarError(`the grammar is too large: it comes to more than ${maxNodes} nodes; count less in it`);
    }
    return this.nodes.push({ bytes: [], free: [], calls: [] }) - 1;
  }

  /** Paths from one node to another, and no edge into the one or out of the other. */
  #add(expression: Expression, from: number, to: number): void {
    if (expression.kind === 'text') this.#addBytes(utf8.encode(expression.text), from, to);
    else if (expression.kind === 'class') {
      for (const ranges of utf8Ranges(expression.points)) this.#addRanges(ranges, from, to);
    } else if (expression.kind === 'sequence') this.#addSequence(expression.items, from, to);
    else if (expression.kind === 'choice') for (const item of expression.items) this.#add(item, from, to);
    else if (expression.kind === 'repeat') this.#addRepeat(expression.item, expression.min, expression.max, from, to);
    else this.#at(from).calls.push({ rule: this.ruleOf(expression.name), to });
  }

  #at(node: number): Node {
    return this.nodes[node] as Node;
  }

  #addBytes(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    for (const [i, byte] of bytes.entries()) {
      const next = i === bytes.length - 1 ? to : this.#node();
      this.#at(at).bytes.push({ first: byte, last: byte, to: next });
      at = next;
    }
    if (bytes.length === 0) this.#at(from).free.push(to);
  }

  #addRanges([range, ...others]: readonly ByteRange[], from: number, to: number): void {
    const [first, last] = range as ByteRange;
    this.#at(from).bytes.push({ first, last, to: others.length === 0 ? to : this.#tail(others, to) });
  }

  #tail(ranges: readonly ByteRange[], to: number): number {
    const key = `${ranges} ${to}`;
    const known = this.#tails.get(key);
    if (known !== undefined) return known;
    const node = this.#node();
    this.#tails.set(key, node);
    this.#addRanges(ranges, node, to);
    return node;
  }

  #addSequence(items: readonly Expression[], from: number, to: number): void {
    let at = from;
    for (const [i, item] of items.entries()) {
      const next = i === items.length - 1 ? to : this.#node();
      this.#add(item, at, next);
      at = next;
    }
    if (items.length === 0) this.#at(from).free.push(to);
  }

  #addRepeat(item: Expression, min: number, max: number, from: number, to: number): void {
    const count = max === Number.POSITIVE_INFINITY ? min + 1 : max;
    const isLarge = count > 1 && count * this.#sizeOf(item) > maxInlined;
    const add = (at: number, next: number) => {
      if (isLarge) this.#at(at).calls.push({ rule: this.#hoist(item), to: next });
      else this.#add(item, at, next);
    };
    let at = from;
    for (let i = 0; i < min; i++) {
      const next = this.#node();
      add(at, next);
      at = next;
    }
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.#node();
      this.#at(at).free.push(loop);
      add(loop, loop);
      at = loop;
    }
    for (let i = min; i < max && max !== Number.POSITIVE_INFINITY; i++) {
      const next = this.#node();
      this.#at(at).free.push(to);
      add(at, next);
      at = next;
    }
    this.#at(at).free.push(to);
  }

  /** A class of characters is no rule: that would only be a way around it. */
  #sizeOf(expression: Expression): number {
    switch (expression.kind) {
      case 'text':
        return expression.text.length;
      case 'class':
      case 'rule':
        return 0;
      case 'repeat':
        return this.#sizeOf(expression.item) * Math.min(expression.max, expression.min + 1) + 1;
      default: {
        const known = this.#sizes.get(expression);
        if (known !== undefined) return known;
        const size = expression.items.reduce((sum, item) => sum + this.#sizeOf(item) + 1, 0);
        this.#sizes.set(expression, size);
        return size;
      }
    }
  }

  #hoist(item: Expression): number {
    let number = this.#hoisted.get(item);
    if (number === undefined) {
      number = this.rules.push({ start: this.#node(), end: this.#node() }) - 1;
      this.#hoisted.set(item, number);
    }
    return number;
  }
}

/** Keeps the edges that lead to the end of their rule, by whatever way. */
function leaveOutWhatNeverEnds(automaton: Automaton): void {
  const { nodes, rules, root, distances } = automaton;
  const ends = (node: number) => distances[node] !== Number.POSITIVE_INFINITY;
  const startOf = (rule: number) => (rules[rule] as Rule).start;
  if (!ends(startOf(root))) throw new GrammarError('no text of finite length matches the grammar');
  for (const { bytes, free, calls } of nodes) {
    keep(bytes, ({ to }) => ends(to));
    keep(free, ends);
    keep(calls, ({ rule, to }) => ends(to) && ends(startOf(rule)));
  }
}

function keep<T>(list: T[], isKept: (item: T) => boolean): void {
  let count = 0;
  for (const item of list) if (isKept(item)) list[count++] = item;
  list.length = count;
}

/** A rule that begins with itself would be entered without end. */
function refuseLeftRecursion(automaton: Automaton, names: readonly string[]): void {
  const { nodes, rules, distances } = automaton;
  const leftCalls = rules.map(({ start }) => {
    const called = new Set<number>();
    const reached = new Set([start]);
    for (const node of reached) {
      const { free, calls } = nodes[node] as Node;
      for (const to of free) reached.add(to);
      for (const { rule, to } of calls) {
        called.add(rule);
        if (distances[(rules[rule] as Rule).start] === 0) reached.add(to);
      }
    }
    return [...called];
  });
  const marks = new Uint8Array(rules.length); // 1: on the way, 2: done
  for (const from of rules.keys()) {
    const trail: { rule: number; next: number }[] = marks[from] ? [] : [{ rule: from, next: 0 }];
    marks[from] ||= 1;
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const called = (leftCalls[top.rule] as number[])[top.next++];
      if (called === undefined) {
        marks[top.rule] = 2;
        trail.pop();
      } else if (marks[called] === 1) {
        throw new GrammarError(
          `the rule ${names[called] ?? 'of a repetition'} begins with itself: write it as a repetition`,
        );
      } else if (marks[called] === 0) {
        marks[called] = 1;
        trail.push({ rule: called, next: 0 });
      }
    }
  }
}
