/**
 * GBNF, llama.cpp's language for grammars: `name ::= …` with "texts", [classes], `.`, groups, `|`, `*`, `+`, `?`,
 * `{n}`, `{n,}`, `{n,m}` and `#` comments. The whole text is the rule `root`.
 */
import { anyPoint, codePoints, without } from './code_points.ts';
import { GrammarError } from './errors.ts';
import { choice, type Expression, type Grammar, oneOf, repeat, rule, sequence, text } from './expression.ts';
import { maxSourceDepth, maxSourceLength } from './limits.ts';

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '"': '"',
  '[': '[',
  ']': ']',
  '-': '-',
  '^': '^',
};
/** Hexadecimal digits of a code point, by what stands before them. */
const hexLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Throws `GrammarError`, which names the line. */
export function parseGbnf(source: string): Grammar {
  if (source.length > maxSourceLength)
    throw new GrammarError(`the grammar has more than ${maxSourceLength} characters`);
  const parser = new Parser(source);
  const rules = parser.rules();
  if (!rules.has('root')) throw new GrammarError('the grammar has no rule root');
  for (const [name, at] of parser.named) if (!rules.has(name)) parser.fail(`there is no rule ${name}`, at);
  return { root: 'root', rules };
}

class Parser {
  /** Rules that are referred to, and where first. */
  readonly named = new Map<string, number>();
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  rules(): Map<string, Expression> {
    const rules = new Map<string, Expression>();
    for (this.#skip(true); this.#at < this.#source.length; this.#skip(true)) {
      const name = this.#name() ?? this.fail('a rule begins with its name');
      if (rules.has(name)) this.fail(`the rule ${name} is there already`);
      this.#skip(false);
      if (!this.#take('::=')) this.fail(`::= follows a rule's name`);
      rules.set(name, this.#alternatives());
      if (this.#at < this.#source.length && !/[\r\n]/.test(this.#source[this.#at] as string)) {
        this.fail(`${JSON.stringify(this.#source[this.#at])} is not expected here`);
      }
    }
    return rules;
  }

  /** Lines go on within brackets, and before and after `|`. */
  #alternatives(): Expression {
    const items: Expression[] = [];
    do {
      this.#skip(true);
      items.push(this.#sequence());
    } while (this.#takeBar());
    return choice(...items);
  }

  #takeBar(): boolean {
    const before = this.#at;
    this.#skip(true);
    if (this.#take('|')) return true;
    this.#at = before;
    return false;
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    for (;;) {
      const item = this.#item();
      if (!item) return sequence(...items);
      items.push(this.#repeated(item));
      this.#skip(this.#depth > 0);
    }
  }

  #item(): Expression | undefined {
    if (this.#take('"')) return text(this.#characters('"'));
    if (this.#take('[')) return this.#class();
    if (this.#take('.')) return oneOf(anyPoint);
    if (this.#take('(')) {
      if (++this.#depth > maxSourceDepth)
        this.fail(`brackets stand within each other more than ${maxSourceDepth} deep`);
      const inner = this.#alternatives();
      this.#skip(true);
      if (!this.#take(')')) this.fail('a bracket is not closed');
      this.#depth--;
      return inner;
    }
    if (this.#source[this.#at] === '<') this.fail('tokens by name or number (<…>) cannot be used');
    const name = this.#name();
    if (name === undefined) return undefined;
    if (!this.named.has(name)) this.named.set(name, this.#at);
    return rule(name);
  }

  #repeated(item: Expression): Expression {
    let repeated = item;
    for (let count = 0; ; count++) {
      if (count > maxSourceDepth) this.fail('too many repetitions of repetitions');
      if (this.#take('*')) repeated = repeat(repeated, 0);
      else if (this.#take('+')) repeated = repeat(repeated, 1);
      else if (this.#take('?')) repeated = repeat(repeated, 0, 1);
      else if (this.#take('{')) repeated = this.#counted(repeated);
      else return repeated;
    }
  }

  #counted(item: Expression): Expression {
    const [whole = '', from = '', comma, to = ''] = this.#match(/\s*(\d*)\s*(,?)\s*(\d*)\s*\}/y) ?? [];
    if (whole === '' || (from === '' && to === '')) this.fail('a count is {n}, {n,} or {n,m}');
    const min = Number(from);
    const max = comma ? (to === '' ? Number.POSITIVE_INFINITY : Number(to)) : min;
    if (max < min) this.fail(`{${from},${to}} counts backwards`);
    return repeat(item, min, max);
  }

  #class(): Expression {
    const isNegated = this.#take('^');
    const ranges: [number, number][] = [];
    while (!this.#take(']')) {
      const first = this.#point();
      const isRange = this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']';
      if (isRange) this.#at++;
      const last = isRange ? this.#point() : first;
      if (last < first) this.fail('a range of characters runs backwards');
      ranges.push([first, last]);
    }
    const points = codePoints(ranges);
    return oneOf(isNegated ? without(anyPoint, points) : points);
  }

  #characters(end: string): string {
    let characters = '';
    while (!this.#take(end)) characters += String.fromCodePoint(this.#point());
    return characters;
  }

  /** One character, or what an escape stands for. */
  #point(): number {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined || point === 10) return this.fail('a text or a class of characters is not closed');
    this.#at += point > 0xffff ? 2 : 1;
    if (point !== 0x5c) return point;
    const letter = this.#source[this.#at++] ?? '';
    const length = hexLengths[letter];
    if (length === undefined) {
      const escaped = escapes[letter] ?? this.fail(`\\${letter} is no escape`);
      return escaped.codePointAt(0) as number;
    }
    const digits = this.#source.slice(this.#at, this.#at + length);
    this.#at += length;
    if (digits.length < length || !/^[\da-fA-F]+$/.test(digits))
      this.fail(`${length} hexadecimal digits follow \\${letter}`);
    const code = Number.parseInt(digits, 16);
    return code <= 0x10ffff ? code : this.fail(`\\${letter}${digits} is no character`);
  }

  #name(): string | undefined {
    return this.#match(/[a-zA-Z0-9_-]+/y)?.[0];
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source) ?? undefined;
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  #take(word: string): boolean {
    if (!this.#source.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  /** White space and comments, with or without the ends of lines. */
  #skip(lines: boolean): void {
    this.#match(lines ? /(?:\s|#[^\n]*)*/y : /(?:[ \t]|#[^\n]*)*/y);
  }

  fail(what: string, at = this.#at): never {
    const line = this.#source.slice(0, at).split('\n').length;
    throw new GrammarError(`line ${line} of the grammar: ${what}`);
  }
}
