import { GrammarError } from '../errors.ts';
import type { JsonSchema } from '../options.ts';
import { isSame, type SchemaObject, typesInBoth } from './merge.ts';

/** `oneOf` wants one alternative and no other: throws `GrammarError` where it is not clear that no two of them agree. */
export function requireDisjoint(schemas: readonly JsonSchema[]): void {
  for (const [i, a] of schemas.entries()) {
    for (const b of schemas.slice(i + 1)) {
      if (!areDisjoint(a, b))
        throw new GrammarError('oneOf whose alternatives may both match cannot be enforced; anyOf can be');
    }
  }
}

function areDisjoint(a: JsonSchema, b: JsonSchema): boolean {
  if (a === false || b === false) return true;
  if (a === true || b === true) return false;
  if (a.type !== undefined && b.type !== undefined) {
    if (typesInBoth([a.type].flat() as string[], [b.type].flat() as string[]).length === 0) return true;
  }
  const [left, right] = [valuesOf(a), valuesOf(b)];
  if (left && right) return !left.some((value) => right.some((other) => isSame(value, other)));
  return haveDisjointProperty(a, b) || areApart(a, b) || areApart(b, a);
}

/** A property that both require, and of which they want different values. */
function haveDisjointProperty(a: SchemaObject, b: SchemaObject): boolean {
  const required = (a.required ?? []) as readonly string[];
  const both = required.filter((name) => ((b.required ?? []) as readonly string[]).includes(name));
  const property = (of: SchemaObject, name: string) =>
    (of.properties as Record<string, JsonSchema> | undefined)?.[name] ?? true;
  const areObjects = a.type === 'object' && b.type === 'object';
  return areObjects && both.some((name) => areDisjoint(property(a, name), property(b, name)));
}

/** Numbers of which one ends where the other begins. */
function areApart(a: SchemaObject, b: SchemaObject): boolean {
  const isNumber = [a, b].every(({ type }) => type === 'number' || type === 'integer');
  const [end, start] = [a.maximum ?? a.exclusiveMaximum, b.minimum ?? b.exclusiveMinimum] as [number?, number?];
  if (!isNumber || end === undefined || start === undefined) return false;
  return end < start || (end === start && (a.maximum === undefined || b.minimum === undefined));
}

function valuesOf(schema: SchemaObject): readonly unknown[] | undefined {
  return 'const' in schema ? [schema.const] : (schema.enum as readonly unknown[] | undefined);
}
