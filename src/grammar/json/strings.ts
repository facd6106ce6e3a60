/** JSON's strings: what stands between the quotes. */
import { anyPoint, both, type CodePoints, pointsOf, without } from '../code_points.ts';
import { choice, type Expression, oneOf, repeat, sequence, text } from '../expression.ts';
import { parseRegexParts } from '../regex.ts';

/** Characters where a schema leaves all open: of keys, and around what a pattern finds. A model might never come to an end. */
const maxLoose = 64;

/** Characters that a string has as escapes alone. */
const escaped: CodePoints = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];
export const plainPoints = without(anyPoint, escaped);
const plain = oneOf(plainPoints);

const hex = oneOf(pointsOf('0123456789abcdefABCDEF'));
/** Not the halves of surrogate pairs. */
const codeUnit = choice(
  sequence(oneOf(pointsOf('0123456789abcefABCEF')), hex, hex, hex),
  sequence(oneOf(pointsOf('dD')), oneOf(pointsOf('01234567')), hex, hex),
);

/** One character, as it is or escaped. */
export const character = choice(
  plain,
  sequence(text('\\'), choice(oneOf(pointsOf('"\\/bfnrt')), sequence(text('u'), codeUnit))),
);

/** A string that is `of` between its quotes. */
export const quoted = (of: Expression): Expression => sequence(text('"'), of, text('"'));

/** A whole string that a regular expression finds something in. */
export function matching(pattern: string): Expression {
  const { expression, isBegun, isEnded } = parseRegexParts(pattern);
  const anything = repeat(character, 0, maxLoose);
  const found = inString(expression);
  return quoted(sequence(...(isBegun ? [] : [anything]), found, ...(isEnded ? [] : [anything])));
}

/** A key that is none of some names; without escapes, so that nothing is written in two ways. */
export function keyExcept(names: readonly string[]): Expression {
  return quoted(otherThan(names));
}

function otherThan(names: readonly string[]): Expression {
  const tails = Map.groupBy(
    names.filter((name) => name !== ''),
    (name) => name.codePointAt(0) as number,
  );
  const firsts = [...tails.keys()].sort((a, b) => a - b);
  const known: CodePoints = firsts.map((point) => [point, point]);
  const otherPoints = without(plainPoints, known);
  const rest = repeat(plain, 0, maxLoose);
  return choice(
    ...(names.includes('') ? [] : [text('')]),
    sequence(oneOf(otherPoints), rest),
    ...[...tails]
      .filter(([point]) => both([[point, point]], plainPoints).length > 0)
      .map(([point, own]) => {
        const first = String.fromCodePoint(point);
        return sequence(text(first), otherThan(own.map((name) => name.slice(first.length))));
      }),
  );
}

/** The texts of an expression as a string has them. */
export function inString(expression: Expression): Expression {
  switch (expression.kind) {
    case 'text':
      return text(JSON.stringify(expression.text).slice(1, -1));
    case 'class': {
      const escapes = both(expression.points, escaped).flatMap(([first, last]) => {
        return Array.from({ length: last - first + 1 }, (_, i) => JSON.stringify(String.fromCharCode(first + i)));
      });
      return choice(
        oneOf(without(expression.points, escaped)),
        ...escapes.map((written) => text(written.slice(1, -1))),
      );
    }
    case 'repeat':
      return { ...expression, item: inString(expression.item) };
    case 'rule':
      return expression;
    default:
      return { ...expression, items: expression.items.map(inString) };
  }
}
