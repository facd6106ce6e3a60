/** JSON's numbers between bounds, digit by digit. */

import { codePoints } from '../code_points.ts';
import { GrammarError } from '../errors.ts';
import { choice, type Expression, nothing, oneOf, optional, repeat, sequence, text } from '../expression.ts';

export interface Bounds {
  readonly from: number;
  readonly to: number;
  /** Whether the bounds themselves are left out. */
  readonly above: boolean;
  readonly below: boolean;
}

/** So many digits are exact in a double. */
const maxDigits = 15;
const greatest = 10 ** maxDigits - 1;

const digit = digitsFrom('0', '9');
const anyFraction = optional(sequence(text('.'), repeat(digit, 1, maxDigits)));

const zeros = repeat(text('0'), 0, maxDigits);

const anyDigits = choice(text('0'), sequence(digitsFrom('1', '9'), repeat(digit, 0, maxDigits - 1)));
const exponent = sequence(choice(text('e'), text('E')), optional(choice(text('+'), text('-'))), repeat(digit, 1, 2));

/** Any number; a fraction and an exponent may follow. */
export const anyNumber = sequence(optional(text('-')), anyDigits, anyFraction, optional(exponent));
export const anyInteger = sequence(optional(text('-')), anyDigits);

/** Whole numbers within bounds. */
export function integers({ from, to, above, below }: Bounds): Expression {
  const first = above && Number.isInteger(from) ? from + 1 : Math.ceil(from);
  const last = below && Number.isInteger(to) ? to - 1 : Math.floor(to);
  if (first === Number.NEGATIVE_INFINITY && last === Number.POSITIVE_INFINITY) return anyInteger;
  if (first > last) return nothing;
  return choice(
    first < 0 ? sequence(text('-'), wholes(Math.max(1, -last), -first)) : nothing,
    last >= 0 ? wholes(Math.max(0, first), last) : nothing,
  );
}

/** Numbers within bounds, as decimals without an exponent. */
export function decimals(bounds: Bounds): Expression {
  const { from, to, above, below } = bounds;
  if (from === Number.NEGATIVE_INFINITY && to === Number.POSITIVE_INFINITY) return anyNumber;
  const negative = { from: Math.max(0, -to), to: -from, above: below && to <= 0, below: above };
  const positive = { from: Math.max(0, from), to, above: above && from >= 0, below };
  const written = new Decimals(bounds);
  return choice(
    from < 0 ? sequence(text('-'), written.notNegative(negative)) : nothing,
    to >= 0 ? written.notNegative(positive) : nothing,
  );
}

class Decimals {
  /** Digits that may follow where a number is within its bounds: not so many that rounding takes it to a bound. */
  readonly #more: Expression;

  constructor({ from, to }: Bounds) {
    const lengths = [from, to].filter(Number.isFinite).map((bound) => String(bound).length);
    this.#more = repeat(digit, 0, Math.min(9, Math.max(1, maxDigits - 3 - Math.max(...lengths))));
  }

  notNegative({ from, to, above, below }: Bounds): Expression {
    if (from > to || (from === to && (above || below))) return nothing;
    const [low, lowFraction] = parts(from);
    const [high, highFraction] = parts(to);
    if (low === high) {
      const fraction = highFraction === '' ? upToWhole(below) : this.#between(lowFraction, above, highFraction, below);
      return sequence(text(String(low)), fraction);
    }
    return choice(
      sequence(text(String(low)), this.#downTo(lowFraction, above)),
      high - low > 1 ? sequence(wholes(low + 1, high - 1), anyFraction) : nothing,
      sequence(text(String(high)), this.#upTo(highFraction, below)),
    );
  }

  /** What follows a whole part: a fraction of at least this one. */
  #downTo(fraction: string, isAbove: boolean): Expression {
    if (fraction !== '') return sequence(text('.'), this.#atLeast(fraction, isAbove));
    return isAbove ? sequence(text('.'), this.#nonZero) : optional(sequence(text('.'), digit, this.#more));
  }

  /** The same, of at most this one. */
  #upTo(fraction: string, isBelow: boolean): Expression {
    return fraction === '' ? upToWhole(isBelow) : optional(sequence(text('.'), this.#atMost(fraction, isBelow)));
  }

  #between(from: string, isAbove: boolean, to: string, isBelow: boolean): Expression {
    const low = from.padEnd(to.length, '0');
    const high = to.padEnd(from.length, '0');
    let same = 0;
    while (same < low.length && low[same] === high[same]) same++;
    const shared = text(`.${low.slice(0, same)}`);
    if (same === low.length) return sequence(shared, zeros);
    const [first, last] = [low[same] as string, high[same] as string];
    const rest = high.slice(same + 1);
    const fraction = choice(
      sequence(shared, text(first), this.#atLeast(low.slice(same + 1), isAbove)),
      sequence(shared, digitsBetween(first, last), this.#more),
      sequence(shared, text(last), choice(this.#lessThan(rest), exactly(rest, isBelow))),
    );
    return from === '' && !isAbove ? optional(fraction) : fraction;
  }

  /** Digits of a fraction that is at least this one. */
  #atLeast(digits: string, isAbove: boolean): Expression {
    if (digits === '') return isAbove ? this.#nonZero : this.#more;
    const first = digits[0] as string;
    return choice(
      sequence(text(first), this.#atLeast(digits.slice(1), isAbove)),
      sequence(digitsBetween(first, ':'), this.#more),
    );
  }

  /** Digits of a fraction that is at most this one; one at least. */
  #atMost(digits: string, isBelow: boolean): Expression {
    const first = digits[0] as string;
    const rest = digits.slice(1);
    return choice(
      sequence(digitsBetween('/', first), this.#more),
      sequence(text(first), choice(this.#lessThan(rest), exactly(rest, isBelow))),
    );
  }

  /** Digits of a fraction less than this one, or none at all. */
  #lessThan(digits: string): Expression {
    return /[1-9]/.test(digits) ? optional(this.#atMost(digits, true)) : nothing;
  }

  get #nonZero(): Expression {
    return sequence(repeat(text('0'), 0, 6), digitsFrom('1', '9'), this.#more);
  }
}

/** The whole part, and the digits behind the point. */
function parts(value: number): [whole: number, fraction: string] {
  if (value > greatest) return [greatest, ''];
  const written = String(value);
  if (written.includes('e')) throw new GrammarError(`the bound ${written} has more digits than can be enforced`);
  const [, fraction = ''] = written.split('.');
  return [Math.floor(value), fraction];
}

function upToWhole(isBelow: boolean): Expression {
  return isBelow ? nothing : optional(sequence(text('.0'), zeros));
}

function exactly(digits: string, isLeftOut: boolean): Expression {
  return isLeftOut ? nothing : sequence(text(digits), zeros);
}

/** Whole numbers that are not negative, both bounds among them. */
function wholes(from: number, to: number): Expression {
  const [first, last] = [Math.min(from, greatest), Math.min(to, greatest)];
  const items: Expression[] = [];
  for (let start = first; start <= last; ) {
    const length = String(start).length;
    const end = Math.min(last, 10 ** length - 1);
    items.push(sameLength(String(start), String(end)));
    start = end + 1;
  }
  return choice(...items);
}

function sameLength(from: string, to: string): Expression {
  let same = 0;
  while (same < from.length && from[same] === to[same]) same++;
  if (same === from.length) return text(from);
  const rest = from.length - same - 1;
  const [first, last] = [from[same] as string, to[same] as string];
  const anyRest = repeat(digit, rest, rest);
  return sequence(
    text(from.slice(0, same)),
    choice(
      sequence(text(first), bounded(from.slice(same + 1), ':')),
      sequence(digitsBetween(first, last), anyRest),
      sequence(text(last), bounded(to.slice(same + 1), '/')),
    ),
  );
}

/** As many digits, not below these towards `:`, not above them towards `/`. */
function bounded(digits: string, towards: ':' | '/'): Expression {
  if (digits === '') return text('');
  const [first, rest] = [digits[0] as string, digits.slice(1)];
  const others = towards === ':' ? digitsBetween(first, ':') : digitsBetween('/', first);
  return choice(
    sequence(text(first), bounded(rest, towards)),
    sequence(others, repeat(digit, rest.length, rest.length)),
  );
}

/** Digits between two characters, which are left out: `/` stands before 0, `:` behind 9. */
function digitsBetween(before: string, behind: string): Expression {
  const [first, last] = [before.charCodeAt(0) + 1, behind.charCodeAt(0) - 1];
  return first > last ? nothing : oneOf([[first, last]]);
}

function digitsFrom(first: string, last: string): Expression {
  return oneOf(codePoints([[first.charCodeAt(0), last.charCodeAt(0)]]));
}
