/** Numbers and strings of a schema; both throw `GrammarError` for what cannot be enforced. */
import { GrammarError } from '../errors.ts';
import { type Expression, nothing, repeat, rule } from '../expression.ts';
import { formats } from './formats.ts';
import type { SchemaObject } from './merge.ts';
import { anyInteger, decimals, integers } from './numbers.ts';
import { character, matching, quoted } from './strings.ts';

type Numbers = Readonly<Partial<Record<'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum', number>>>;

/** JSON numbers: between bounds, whole or not. */
export function numberOf(type: string, schema: SchemaObject): Expression {
  const {
    minimum = -Infinity,
    maximum = Infinity,
    exclusiveMinimum = -Infinity,
    exclusiveMaximum = Infinity,
  } = schema as Numbers;
  const from = Math.max(minimum, exclusiveMinimum);
  const to = Math.min(maximum, exclusiveMaximum);
  const above = exclusiveMinimum >= minimum && from > -Infinity;
  const below = exclusiveMaximum <= maximum && to < Infinity;
  const isWhole = type === 'integer' || schema.multipleOf === 1;
  if (from === -Infinity && to === Infinity) return isWhole ? anyInteger : rule('number');
  return (isWhole ? integers : decimals)({ from, to, above, below });
}

interface Strings {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** JSON strings: so long, of a pattern, or of a format. */
export function stringOf(schema: SchemaObject): Expression {
  const { minLength = 0, maxLength = Infinity, pattern, format } = schema as Strings;
  const isCounted = minLength > 0 || maxLength < Infinity;
  if (maxLength < minLength) return nothing;
  if (pattern === undefined && format === undefined) {
    return isCounted ? quoted(repeat(character, minLength, maxLength)) : rule('string');
  }
  if (pattern !== undefined && format !== undefined) throw new GrammarError('pattern beside format cannot be enforced');
  if (isCounted)
    throw new GrammarError(
      `minLength and maxLength beside ${pattern === undefined ? 'format' : 'pattern'} cannot be enforced`,
    );
  if (format !== undefined && !Object.hasOwn(formats, format))
    throw new GrammarError(`format ${JSON.stringify(format)} cannot be enforced`);
  return matching(pattern ?? `^(?:${formats[format as string]})$`);
}
