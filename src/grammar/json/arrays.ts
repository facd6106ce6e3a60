import { type Expression, nothing, optional, repeat, sequence, text } from '../expression.ts';
import type { JsonSchema } from '../options.ts';
import type { SchemaObject } from './merge.ts';
import { comma, enclosed, type SchemaParts } from './parts.ts';

interface Arrays {
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly prefixItems?: readonly JsonSchema[];
  readonly additionalItems?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** JSON arrays: tuples, items behind them, and how many. */
export function arrayOf(schema: SchemaObject, parts: SchemaParts): Expression {
  const { items, prefixItems, additionalItems, minItems = 0, maxItems = Infinity } = schema as Arrays;
  const isTuple = Array.isArray(items); // as drafts before 2020 had it
  const firsts = (isTuple ? items : prefixItems) ?? [];
  const others = (isTuple ? additionalItems : (items as JsonSchema | undefined)) ?? true;
  const most = others === false ? Math.min(maxItems, firsts.length) : maxItems;
  if (most < minItems) return nothing;
  const item = most > firsts.length ? parts.named('items', others) : nothing;
  const more = repeat(sequence(comma, item), Math.max(0, minItems - firsts.length), Math.max(0, most - firsts.length));
  // from the end: what follows an item that has others before it
  let rest = more;
  for (let i = Math.min(firsts.length, most) - 1; i >= 1; i--) {
    const one = sequence(comma, parts.named(`prefixItems/${i}`, firsts[i] as JsonSchema), rest);
    rest = i < minItems ? one : optional(one);
  }
  const [first] = firsts;
  const whole =
    first !== undefined && most > 0
      ? sequence(parts.named('prefixItems/0', first), rest)
      : listOf(item, minItems, most);
  return enclosed('[', minItems > 0 ? whole : optional(whole), ']');
}

/** Items with commas between them. */
export function listOf(item: Expression, min: number, max: number): Expression {
  if (max === 0) return text('');
  return sequence(item, repeat(sequence(comma, item), Math.max(0, min - 1), max - 1));
}
