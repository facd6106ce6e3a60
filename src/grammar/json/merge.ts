/** Two schemas that hold at once, as one. */
import { GrammarError } from '../errors.ts';
import type { JsonSchema } from '../options.ts';

export type SchemaObject = Exclude<JsonSchema, boolean>;

/** A schema that nothing matches. */
export const never: SchemaObject = { enum: [] };

type Join = (a: unknown, b: unknown) => unknown;

const greater: Join = (a, b) => Math.max(a as number, b as number);
const less: Join = (a, b) => Math.min(a as number, b as number);
const allOf: Join = (a, b) => ({ allOf: [a, b] });

/** Keywords that both have. The others of which that is so must say the same. */
const joins: Readonly<Record<string, Join>> = {
  type: (a, b) => typesInBoth([a].flat() as string[], [b].flat() as string[]),
  minimum: greater,
  exclusiveMinimum: greater,
  minLength: greater,
  minItems: greater,
  minProperties: greater,
  maximum: less,
  exclusiveMaximum: less,
  maxLength: less,
  maxItems: less,
  maxProperties: less,
  items: allOf,
  required: (a, b) => [...new Set([...(a as string[]), ...(b as string[])])],
  enum: (a, b) => (a as unknown[]).filter((value) => (b as unknown[]).some((other) => isSame(value, other))),
  allOf: (a, b) => [...(a as unknown[]), ...(b as unknown[])],
  additionalProperties: allOf,
  $defs: (a) => a,
};

const annotations = new Set([
  'title',
  'description',
  'default',
  'examples',
  '$comment',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$schema',
  'definitions',
]);

/** Throws `GrammarError` where two keywords cannot be joined. */
export function merge(a: JsonSchema, b: JsonSchema): SchemaObject {
  if (a === false || b === false) return never;
  if (a === true) return b === true ? {} : b;
  if (b === true) return a;
  const [left, right] = [enumOfConst(a), enumOfConst(b)];
  if ('prefixItems' in left !== 'prefixItems' in right && 'items' in left && 'items' in right) {
    throw new GrammarError('prefixItems and items of two schemas at once cannot be enforced');
  }
  const merged: Record<string, unknown> = { ...left };
  for (const [keyword, value] of Object.entries(right)) {
    const own = left[keyword];
    if (keyword === 'properties' || own === undefined) merged[keyword] = value;
    else if (keyword === 'anyOf' || keyword === 'oneOf') merged.allOf = [...list(merged.allOf), { [keyword]: value }];
    else if (keyword in joins) merged[keyword] = (joins[keyword] as Join)(own, value);
    else if (!annotations.has(keyword) && !isSame(own, value)) {
      throw new GrammarError(`two of ${keyword} at once cannot be enforced`);
    }
  }
  const properties = mergedProperties(left, right);
  if (properties) merged.properties = properties;
  return merged;
}

/** What is named in one alone is additional in the other. */
function mergedProperties(a: SchemaObject, b: SchemaObject): Record<string, unknown> | undefined {
  const [left, right] = [a.properties, b.properties] as [Properties, Properties];
  if (!left && !right) return undefined;
  const merged: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})])) {
    const all = [propertyOf(a, name), propertyOf(b, name)].filter((each) => each !== undefined);
    merged[name] = all.length === 1 ? all[0] : { allOf: all };
  }
  return merged;
}

type Properties = Readonly<Record<string, unknown>> | undefined;

function propertyOf(schema: SchemaObject, name: string): unknown {
  const properties = schema.properties as Properties;
  return properties && Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties;
}

function enumOfConst(schema: SchemaObject): SchemaObject {
  if (!('const' in schema)) return schema;
  const { const: value, ...others } = schema;
  const isListed = !Array.isArray(others.enum) || others.enum.some((each) => isSame(each, value));
  return { ...others, enum: isListed ? [value] : [] };
}

export function typesInBoth(a: readonly string[], b: readonly string[]): string[] {
  const has = (types: readonly string[], type: string) =>
    types.includes(type) || (type === 'integer' && types.includes('number'));
  return [...new Set([...a, ...b])].filter((type) => has(a, type) && has(b, type));
}

/** Whether two JSON values are the same, whatever the order of keys. */
export function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    each && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([x], [y]) => (x < y ? -1 : 1)))
      : each,
  );
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
