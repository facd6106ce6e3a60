import { automatonOf } from '../automaton.ts';
import { choice, type Expression, nothing, optional, repeat, sequence, text } from '../expression.ts';
import { Machine } from '../machine.ts';
import type { JsonSchema } from '../options.ts';
import { listOf } from './arrays.ts';
import type { SchemaObject } from './merge.ts';
import { colon, comma, enclosed, type SchemaParts } from './parts.ts';
import { keyExcept, matching } from './strings.ts';

/** Characters of a property's name. */
const maxNameLength = 256;

interface Objects {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

/** JSON objects: properties come in the schema's order, what is additional after them. */
export function objectOf(schema: SchemaObject, parts: SchemaParts): Expression {
  const {
    properties = {},
    required = [],
    patternProperties = {},
    additionalProperties = true,
    minProperties = 0,
    maxProperties = Infinity,
  } = schema as Objects;
  const unnamed = required.filter((name) => !Object.hasOwn(properties, name));
  if (unnamed.length > 0 && Object.keys(patternProperties).length > 0) {
    parts.fail('required beside patternProperties cannot be enforced');
  }
  const named = { ...properties, ...Object.fromEntries(unnamed.map((name) => [name, additionalProperties])) };
  const names = Object.keys(named);
  const longest = names.find((name) => name.length > maxNameLength);
  if (longest !== undefined) parts.fail(`a property's name has more than ${maxNameLength} characters`);
  const extra = additional(schema, names, parts);
  const isRequired = new Set(required);
  const least = Math.max(0, minProperties - isRequired.size);
  if (least > 1 || (least === 1 && names.length > isRequired.size)) parts.fail('minProperties cannot be enforced here');
  if (maxProperties < names.length) parts.fail('maxProperties cannot be enforced here');
  const pair = extra && sequence(extra.key, colon, parts.named('additionalProperties', extra.schema));
  const most = maxProperties - names.length;

  // from the end: what follows with something before it, and with nothing
  let after = pair ? repeat(sequence(comma, pair), least, most) : least > 0 ? nothing : text('');
  let first: Expression = text('');
  if (pair && most > 0) first = least > 0 ? listOf(pair, least, most) : optional(listOf(pair, 1, most));
  else if (least > 0) first = nothing;
  for (const name of names.reverse()) {
    const own = parts.shared(
      sequence(text(JSON.stringify(name)), colon, parts.named(`properties/${name}`, named[name] as JsonSchema)),
    );
    const others = parts.shared(after);
    const isOptional = !isRequired.has(name);
    first = isOptional ? choice(sequence(own, others), parts.shared(first)) : sequence(own, others);
    after = sequence(isOptional ? optional(sequence(comma, own)) : sequence(comma, own), others);
  }
  return enclosed('{', first, '}');
}

/** Keys and values beside those that are named: where properties are named, only if the schema says so. */
function additional(
  schema: SchemaObject,
  names: readonly string[],
  parts: SchemaParts,
): { key: Expression; schema: JsonSchema } | undefined {
  const { patternProperties = {}, additionalProperties } = schema as Objects;
  const patterns = Object.entries(patternProperties);
  const [only] = patterns;
  if (!only) {
    const value = additionalProperties ?? !('properties' in schema);
    return value === false ? undefined : { key: keyExcept(names), schema: value };
  }
  if (patterns.length > 1) parts.fail('several patternProperties cannot be enforced');
  const [pattern, value] = only;
  if (additionalProperties !== undefined && additionalProperties !== false) {
    parts.fail('patternProperties beside additionalProperties cannot be enforced');
  }
  const key = parts.naming(() => matching(pattern)); // says what is no expression
  const machine = new Machine(automatonOf({ root: 'key', rules: new Map([['key', key]]) }));
  if (names.some((name) => machine.matches(JSON.stringify(name)))) {
    parts.fail('patternProperties that match a property cannot be enforced');
  }
  return { key, schema: value };
}
