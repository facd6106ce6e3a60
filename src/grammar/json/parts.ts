/** What the grammars of arrays and objects are made with. */
import { type Expression, rule, sequence, text } from '../expression.ts';
import type { JsonSchema } from '../options.ts';

/** Of the schema that is being read. */
export interface SchemaParts {
  /** A part of the schema as a rule of its own. */
  named(part: string, schema: JsonSchema): Expression;
  /** An expression that is used several times stands once. */
  shared(expression: Expression): Expression;
  /** Throws `GrammarError`, which says where in the schema. */
  fail(what: string): never;
  /** The same for what `work` throws. */
  naming<T>(work: () => T): T;
}

export const comma = sequence(text(','), rule('space'));
export const colon = sequence(text(':'), rule('space'));

export function enclosed(open: string, inner: Expression, close: string): Expression {
  return sequence(text(open), rule('space'), inner, rule('space'), text(close));
}
