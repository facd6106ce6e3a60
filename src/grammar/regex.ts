/** Regular expressions, as JavaScript writes them, as far as they are regular. */
import { anyPoint, type CodePoints, codePoints, lastCodePoint, pointRange, pointsOf, without } from './code_points.ts';
import { GrammarError } from './errors.ts';
import { choice, type Expression, type Grammar, oneOf, repeat, sequence, text } from './expression.ts';
import { maxSourceDepth, maxSourceLength } from './limits.ts';

const digits = codePoints([pointRange('0', '9')]);
const wordPoints = codePoints([pointRange('0', '9'), pointRange('A', 'Z'), pointRange('a', 'z'), pointRange('_', '_')]);
const classes: Readonly<Record<string, CodePoints>> = {
  d: digits,
  w: wordPoints,
  s: pointsOf(
    '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
  ),
};
/** Each `\p` looks at all characters there are. */
const maxProperties = 16;
const lineEnds = pointsOf('\n\r\u2028\u2029');
const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', v: '\v', f: '\f', 0: '\0' };

/** What a regular expression matches, and whether it says where the text begins and ends. */
export interface RegexParts {
  readonly expression: Expression;
  /** It begins with `^`. */
  readonly isBegun: boolean;
  /** It ends with `$`. */
  readonly isEnded: boolean;
}

/** A grammar whose texts match all of `pattern`, with or without `^` and `$`. Throws `GrammarError`. */
export function parseRegex(pattern: string): Grammar {
  const { expression } = parseRegexParts(pattern);
  return { root: 'root', rules: new Map([['root', expression]]) };
}

/** `^` and `$` are taken at the ends of the whole alone, where each alternative agrees. Throws `GrammarError`. */
export function parseRegexParts(pattern: string): RegexParts {
  if (pattern.length > maxSourceLength) {
    throw new GrammarError(`the regular expression has more than ${maxSourceLength} characters`);
  }
  return new Parser(pattern).whole();
}

class Parser {
  readonly #pattern: string;
  #at = 0;
  #depth = 0;
  #properties = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  whole(): RegexParts {
    const alternatives: (RegexParts & { readonly isEmpty: boolean })[] = [];
    do {
      const isBegun = this.#take('^');
      const { items, isEnded } = this.#sequence();
      alternatives.push({ expression: sequence(...items), isBegun, isEnded, isEmpty: items.length === 0 });
    } while (this.#take('|'));
    if (this.#at < this.#pattern.length) this.#fail(`${JSON.stringify(this.#pattern[this.#at])} stands alone`);
    const { isBegun, isEnded } = alternatives[0] as RegexParts;
    if (alternatives.some((each) => each.isBegun !== isBegun || each.isEnded !== isEnded)) {
      this.#fail('^ and $ stand in some alternatives and not in others');
    }
    return { expression: choice(...alternatives.map(({ expression }) => expression)), isBegun, isEnded };
  }

  /** Up to `|`, a bracket or the end; `$` may be its last. */
  #sequence(): { items: Expression[]; isEnded: boolean } {
    const items: Expression[] = [];
    for (;;) {
      const isEnded = this.#depth === 0 && this.#take('$');
      if (this.#at >= this.#pattern.length || '|)'.includes(this.#pattern[this.#at] as string))
        return { items, isEnded };
      if (isEnded) this.#fail('$ stands before the end');
      items.push(this.#repeated(this.#item()));
    }
  }

  #item(): Expression {
    if (this.#take('(')) return this.#group();
    if (this.#take('[')) return oneOf(this.#class());
    if (this.#take('.')) return oneOf(without(anyPoint, lineEnds));
    if (/[*+?{]/.test(this.#pattern[this.#at] as string)) this.#fail('there is nothing to repeat');
    if (/[\^$]/.test(this.#pattern[this.#at] as string)) this.#fail('^ and $ within an expression cannot be enforced');
    const points = this.#points();
    const [[first, last] = [0, -1]] = points;
    return points.length === 1 && first === last ? text(String.fromCodePoint(first)) : oneOf(points);
  }

  #group(): Expression {
    if (++this.#depth > maxSourceDepth) this.#fail(`groups stand within each other more than ${maxSourceDepth} deep`);
    if (this.#take('?')) {
      const [kind = ''] = this.#match(/:|<[a-zA-Z_$][\w$]*>/y) ?? [];
      if (kind === '') this.#fail('lookahead and lookbehind cannot be enforced');
    }
    const items: Expression[] = [];
    do items.push(sequence(...this.#sequence().items));
    while (this.#take('|'));
    if (!this.#take(')')) this.#fail('a bracket is not closed');
    this.#depth--;
    return choice(...items);
  }

  /** Lazy or greedy, the texts are the same. */
  #repeated(item: Expression): Expression {
    let repeated = item;
    if (this.#take('*')) repeated = repeat(item, 0);
    else if (this.#take('+')) repeated = repeat(item, 1);
    else if (this.#take('?')) repeated = repeat(item, 0, 1);
    else {
      const [, from, comma, to] = this.#match(/\{(\d+)(,?)(\d*)\}/y) ?? [];
      if (from === undefined) return item;
      const max = comma ? (to === '' ? Number.POSITIVE_INFINITY : Number(to)) : Number(from);
      if (max < Number(from)) this.#fail('a count runs backwards');
      repeated = repeat(item, Number(from), max);
    }
    if (this.#take('+')) this.#fail('possessive repetition is no JavaScript');
    this.#take('?');
    return repeated;
  }

  #class(): CodePoints {
    const isNegated = this.#take('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take(']')) {
      if (this.#at >= this.#pattern.length) this.#fail('a class of characters is not closed');
      const points = this.#take('\\b') ? pointsOf('\b') : this.#points();
      const isRange = this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']';
      if (!isRange || !isOne(points)) {
        ranges.push(...points);
        continue;
      }
      this.#at++;
      const last = this.#points();
      const [from, to] = [points[0]?.[0] ?? 0, last[0]?.[0] ?? 0];
      if (!isOne(last)) ranges.push(...points, ...pointsOf('-'), ...last);
      else if (to < from) this.#fail('a range of characters runs backwards');
      else ranges.push([from, to]);
    }
    const points = codePoints(ranges);
    return isNegated ? without(anyPoint, points) : points;
  }

  /** One character, or the class that an escape stands for. */
  #points(): CodePoints {
    const point = this.#pattern.codePointAt(this.#at) as number;
    this.#at += point > 0xffff ? 2 : 1;
    if (point !== 0x5c) return [[point, point]];
    const letter = this.#pattern[this.#at++] ?? this.#fail('\\ is the last character');
    const named = classes[letter.toLowerCase()];
    if (named) return letter in classes ? named : without(anyPoint, named);
    if (letter in controls) return pointsOf(controls[letter] as string);
    if (letter === 'x') return this.#code(/[\da-fA-F]{2}/y);
    if (letter === 'u') {
      return this.#pattern[this.#at] === '{' ? this.#code(/\{[\da-fA-F]{1,6}\}/y) : this.#code(/[\da-fA-F]{4}/y);
    }
    if (letter === 'c') {
      const [control] = this.#match(/[a-zA-Z]/y) ?? this.#fail('a letter follows \\c');
      return pointsOf(String.fromCharCode((control as string).charCodeAt(0) % 32));
    }
    if (letter === 'p' || letter === 'P') return this.#property(letter);
    if (/[1-9k]/.test(letter)) this.#fail('references to groups cannot be enforced');
    if (/[bB]/.test(letter)) this.#fail('\\b, the border of a word, cannot be enforced');
    if (/[a-zA-Z]/.test(letter)) this.#fail(`\\${letter} is no escape`);
    return pointsOf(letter);
  }

  #code(form: RegExp): CodePoints {
    const [digitsOf] = this.#match(form) ?? this.#fail('an escape lacks hexadecimal digits');
    const code = Number.parseInt((digitsOf as string).replace('{', ''), 16);
    if (code > lastCodePoint) this.#fail('an escape is no character');
    const low = code >= 0xd800 && code < 0xdc00 ? this.#match(/\\u([dD][c-fC-F][\da-fA-F]{2})/y) : undefined;
    const point = low ? 0x10000 + ((code - 0xd800) << 10) + (Number.parseInt(low[1] as string, 16) - 0xdc00) : code;
    return [[point, point]];
  }

  /** `\p{…}`: JavaScript itself knows which they are. */
  #property(letter: string): CodePoints {
    const [name] = this.#match(/\{[\w=]+\}/y) ?? this.#fail('{…} follows \\p');
    let test: RegExp;
    try {
      test = new RegExp(`\\${letter}${name}`, 'u');
    } catch {
      return this.#fail(`\\${letter}${name} is no property of characters`);
    }
    if (++this.#properties > maxProperties) this.#fail(`\\p stands there more than ${maxProperties} times`);
    const ranges: [number, number][] = [];
    for (const [first, last] of anyPoint) {
      for (let point = first; point <= last; point++) {
        if (!test.test(String.fromCodePoint(point))) continue;
        const before = ranges.at(-1);
        if (before?.[1] === point - 1) before[1] = point;
        else ranges.push([point, point]);
      }
    }
    return ranges;
  }

  #take(word: string): boolean {
    if (!this.#pattern.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #match(form: RegExp): RegExpExecArray | undefined {
    form.lastIndex = this.#at;
    const match = form.exec(this.#pattern) ?? undefined;
    if (match) this.#at = form.lastIndex;
    return match;
  }

  #fail(what: string): never {
    throw new GrammarError(`the regular expression ${shown(this.#pattern)}: ${what}`);
  }
}

function isOne(points: CodePoints): boolean {
  return points.length === 1 && points[0]?.[0] === points[0]?.[1];
}

function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 60 ? `${pattern.slice(0, 60)}…` : pattern);
}
