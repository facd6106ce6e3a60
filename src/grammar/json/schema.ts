/** JSON schemas as grammars: whatever a grammar lets through is valid. */

import { automatonOf } from '../automaton.ts';
import { GrammarError } from '../errors.ts';
import {
  choice,
  type Expression,
  type Grammar,
  nothing,
  optional,
  repeat,
  rule,
  sequence,
  text,
} from '../expression.ts';
import { maxSourceDepth, maxSourceLength } from '../limits.ts';
import { Machine } from '../machine.ts';
import type { JsonSchema } from '../options.ts';
import { requireDisjoint } from './disjoint.ts';
import { formats } from './formats.ts';
import { checkKeywords, isSchema, keywordsOfType, typeNames } from './keywords.ts';
import { merge, type SchemaObject, typesInBoth } from './merge.ts';
import { anyInteger, anyNumber, decimals, integers } from './numbers.ts';
import { character, keyExcept, matching, quoted } from './strings.ts';

export const anyObjectSchema: JsonSchema = { type: 'object' };

/** Schemas that one schema may come to, when its references and alternatives are followed. */
const maxSchemas = 5000;
/** Characters of a property's name. */
const maxNameLength = 256;

/** Between parts: nothing, a space, or a new line and what it is indented by. */
const indent = choice(repeat(text(' '), 0, 16), repeat(text('\t'), 0, 4));
const space = optional(choice(text(' '), sequence(text('\n'), indent)));

/** The grammar of a schema's values. Throws `GrammarError`, which names what cannot be enforced, and where it stands. */
export function jsonGrammar(schema: JsonSchema): Grammar {
  if (!isSchema(schema)) throw new GrammarError('the schema is no JSON object');
  if (JSON.stringify(schema).length > maxSourceLength) {
    throw new GrammarError(`the schema has more than ${maxSourceLength} characters`);
  }
  return new Compiler(schema).grammar();
}

class Compiler {
  readonly #root: JsonSchema;
  readonly #rules = new Map<string, Expression>();
  /** References whose rules are still to be made. */
  readonly #open: string[] = [];
  readonly #path: string[] = [];
  #count = 0;

  constructor(root: JsonSchema) {
    this.#root = root;
    const inner = { object: rule('any object'), array: rule('any array') };
    this.#rules.set('space', space);
    this.#rules.set('string', quoted(repeat(character, 0)));
    this.#rules.set('number', anyNumber);
    this.#rules.set(
      'any',
      choice(...['null', 'true', 'false'].map(text), rule('number'), rule('string'), inner.object, inner.array),
    );
    this.#rules.set('any object', this.#object({}));
    this.#rules.set('any array', this.#array({}));
  }

  grammar(): Grammar {
    this.#rules.set('#', this.#schema(this.#root));
    for (const pointer of this.#open) {
      if (!this.#rules.has(pointer))
        this.#rules.set(
          pointer,
          this.#at(pointer, () => this.#schema(this.#referred(pointer))),
        );
    }
    return { root: '#', rules: this.#rules };
  }

  #schema(schema: JsonSchema): Expression {
    if (++this.#count > maxSchemas) this.#fail(`the schema comes to more than ${maxSchemas} of its parts`);
    if (this.#path.length > maxSourceDepth)
      this.#fail('the schema is nested too deeply, or refers to itself in a circle');
    if (schema === true) return rule('any');
    if (schema === false) return nothing;
    try {
      checkKeywords(schema);
    } catch (error) {
      this.#fail((error as Error).message);
    }
    return this.#combined(schema);
  }

  /** References and combinations first: each is joined with what stands beside it. */
  #combined(schema: SchemaObject): Expression {
    const { $ref, allOf, anyOf, oneOf: alternatives, ...others } = schema as Combinations;
    if ($ref !== undefined) {
      const isAlone = !Object.keys(schema).some((keyword) => keyword !== '$ref' && saysWhatIsValid(keyword));
      if (isAlone) return this.#reference($ref);
      return this.#at($ref, () => this.#schema(this.#merged(withoutKeyword(schema, '$ref'), this.#referred($ref))));
    }
    if (anyOf || alternatives) {
      const keyword = anyOf ? 'anyOf' : 'oneOf';
      const base = withoutKeyword(schema, keyword);
      const each = (anyOf ?? (alternatives as readonly JsonSchema[])).map((alternative) => {
        return Object.keys(base).some(saysWhatIsValid) ? this.#merged(base, this.#resolved(alternative)) : alternative;
      });
      if (!anyOf) {
        this.#naming(() => requireDisjoint(each.map((one) => this.#resolved(one))));
      }
      return this.#at(keyword, () => choice(...each.map((one) => this.#schema(one))));
    }
    if (allOf) {
      const base: JsonSchema = withoutKeyword(schema, 'allOf');
      return this.#at('allOf', () =>
        this.#schema(allOf.reduce<JsonSchema>((all, each) => this.#merged(all, this.#resolved(each)), base)),
      );
    }
    if ('const' in others) return this.#literals([others.const], others);
    if ('enum' in others) return this.#literals(others.enum as readonly unknown[], others);
    return choice(...typesOf(others).map((type) => this.#type(type, others)));
  }

  /** `a` and `b` at once. */
  #merged(a: JsonSchema, b: JsonSchema): JsonSchema {
    return this.#naming(() => merge(a, b));
  }

  /** A schema that is only a reference, as what it refers to. */
  #resolved(schema: JsonSchema): JsonSchema {
    let at = schema;
    for (let hops = 0; typeof at === 'object' && typeof at.$ref === 'string'; hops++) {
      if (hops > maxSourceDepth) this.#fail('references lead in a circle');
      at = this.#merged(withoutKeyword(at, '$ref'), this.#referred(at.$ref));
    }
    return at;
  }

  #reference(pointer: string): Expression {
    this.#referred(pointer);
    this.#open.push(pointer);
    return rule(pointer);
  }

  /** What a JSON pointer into this schema refers to. */
  #referred(pointer: string): JsonSchema {
    if (pointer !== '#' && !pointer.startsWith('#/'))
      this.#fail(`$ref ${JSON.stringify(pointer)} leads out of the schema`);
    let at: unknown = this.#root;
    for (const part of pointer.split('/').slice(1)) {
      const key = decoded(part);
      at =
        typeof at === 'object' && at !== null && Object.hasOwn(at, key)
          ? (at as Record<string, unknown>)[key]
          : undefined;
    }
    if (!isSchema(at)) this.#fail(`$ref ${JSON.stringify(pointer)} leads nowhere`);
    return at as JsonSchema;
  }

  /** Values as they are; those that the type rules out are left out. */
  #literals(values: readonly unknown[], schema: SchemaObject): Expression {
    const others = Object.values(keywordsOfType).flat();
    const beside = others.find((keyword) => keyword in schema);
    if (beside) this.#fail(`${beside} beside enum or const cannot be enforced`);
    const types = typesOf(schema);
    const isOf = (value: unknown) => typesInBoth([typeOf(value)], types).length > 0;
    return choice(...values.filter(isOf).map((value) => text(JSON.stringify(value))));
  }

  #type(type: string, schema: SchemaObject): Expression {
    switch (type) {
      case 'null':
        return text('null');
      case 'boolean':
        return choice(text('true'), text('false'));
      case 'integer':
      case 'number':
        return this.#number(type, schema);
      case 'string':
        return this.#string(schema);
      case 'array':
        return this.#array(schema);
      default:
        return this.#object(schema);
    }
  }

  #number(type: string, schema: SchemaObject): Expression {
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
    return this.#naming(() => (isWhole ? integers : decimals)({ from, to, above, below }));
  }

  #string(schema: SchemaObject): Expression {
    const { minLength = 0, maxLength = Infinity, pattern, format } = schema as Strings;
    const isCounted = minLength > 0 || maxLength < Infinity;
    if (maxLength < minLength) return nothing;
    if (pattern === undefined && format === undefined) {
      return isCounted ? quoted(repeat(character, minLength, maxLength)) : rule('string');
    }
    if (pattern !== undefined && format !== undefined) this.#fail('pattern beside format cannot be enforced');
    if (isCounted)
      this.#fail(`minLength and maxLength beside ${pattern === undefined ? 'format' : 'pattern'} cannot be enforced`);
    if (format !== undefined && !Object.hasOwn(formats, format))
      this.#fail(`format ${JSON.stringify(format)} cannot be enforced`);
    return this.#naming(() => matching(pattern ?? `^(?:${formats[format as string]})$`));
  }

  #array(schema: SchemaObject): Expression {
    const { items, prefixItems, additionalItems, minItems = 0, maxItems = Infinity } = schema as Arrays;
    const isTuple = Array.isArray(items); // as drafts before 2020 had it
    const firsts = (isTuple ? items : prefixItems) ?? [];
    const others = (isTuple ? additionalItems : (items as JsonSchema | undefined)) ?? true;
    const most = others === false ? Math.min(maxItems, firsts.length) : maxItems;
    if (most < minItems) return nothing;
    const item = most > firsts.length ? this.#named('items', others) : nothing;
    const more = repeat(
      sequence(comma, item),
      Math.max(0, minItems - firsts.length),
      Math.max(0, most - firsts.length),
    );
    // from the end: what follows an item that has others before it
    let rest = more;
    for (let i = Math.min(firsts.length, most) - 1; i >= 1; i--) {
      const one = sequence(comma, this.#named(`prefixItems/${i}`, firsts[i] as JsonSchema), rest);
      rest = i < minItems ? one : optional(one);
    }
    const [first] = firsts;
    const whole =
      first !== undefined && most > 0
        ? sequence(this.#named('prefixItems/0', first), rest)
        : this.#list(item, minItems, most);
    return enclosed('[', minItems > 0 ? whole : optional(whole), ']');
  }

  /** Items with commas between them. */
  #list(item: Expression, min: number, max: number): Expression {
    if (max === 0) return text('');
    return sequence(item, repeat(sequence(comma, item), Math.max(0, min - 1), max - 1));
  }

  /** Properties come in the schema's order, what is additional after them. */
  #object(schema: SchemaObject): Expression {
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
      this.#fail('required beside patternProperties cannot be enforced');
    }
    const named = { ...properties, ...Object.fromEntries(unnamed.map((name) => [name, additionalProperties])) };
    const names = Object.keys(named);
    const longest = names.find((name) => name.length > maxNameLength);
    if (longest !== undefined) this.#fail(`a property's name has more than ${maxNameLength} characters`);
    const extra = this.#additional(schema, names);
    const isRequired = new Set(required);
    const least = Math.max(0, minProperties - isRequired.size);
    if (least > 1 || (least === 1 && names.length > isRequired.size))
      this.#fail('minProperties cannot be enforced here');
    if (maxProperties < names.length) this.#fail('maxProperties cannot be enforced here');
    const pair = extra && sequence(extra.key, colon, this.#named('additionalProperties', extra.schema));
    const most = maxProperties - names.length;

    // from the end: what follows with something before it, and with nothing
    let after = pair ? repeat(sequence(comma, pair), least, most) : least > 0 ? nothing : text('');
    let first: Expression = text('');
    if (pair && most > 0) first = least > 0 ? this.#list(pair, least, most) : optional(this.#list(pair, 1, most));
    else if (least > 0) first = nothing;
    for (const name of names.reverse()) {
      const own = this.#shared(
        sequence(text(JSON.stringify(name)), colon, this.#named(`properties/${name}`, named[name] as JsonSchema)),
      );
      const others = this.#shared(after);
      const isOptional = !isRequired.has(name);
      first = isOptional ? choice(sequence(own, others), this.#shared(first)) : sequence(own, others);
      after = sequence(isOptional ? optional(sequence(comma, own)) : sequence(comma, own), others);
    }
    return enclosed('{', first, '}');
  }

  /** Keys and values beside those that are named: where properties are named, only if the schema says so. */
  #additional(schema: SchemaObject, names: readonly string[]): { key: Expression; schema: JsonSchema } | undefined {
    const { patternProperties = {}, additionalProperties } = schema as Objects;
    const patterns = Object.entries(patternProperties);
    const [only] = patterns;
    if (!only) {
      const value = additionalProperties ?? !('properties' in schema);
      return value === false ? undefined : { key: keyExcept(names), schema: value };
    }
    if (patterns.length > 1) this.#fail('several patternProperties cannot be enforced');
    const [pattern, value] = only;
    if (additionalProperties !== undefined && additionalProperties !== false) {
      this.#fail('patternProperties beside additionalProperties cannot be enforced');
    }
    const key = this.#naming(() => matching(pattern)); // says what is no expression
    const machine = new Machine(automatonOf({ root: 'key', rules: new Map([['key', key]]) }));
    if (names.some((name) => machine.matches(JSON.stringify(name)))) {
      this.#fail('patternProperties that match a property cannot be enforced');
    }
    return { key, schema: value };
  }

  /** A part of the schema as a rule of its own. */
  #named(part: string, schema: JsonSchema): Expression {
    return this.#at(part, () => this.#shared(this.#schema(schema)));
  }

  /** An expression that is used several times stands once. */
  #shared(expression: Expression): Expression {
    if (expression.kind === 'rule' || expression.kind === 'text') return expression;
    const name = `part ${this.#rules.size}`;
    this.#rules.set(name, expression);
    return rule(name);
  }

  #at<T>(part: string, work: () => T): T {
    this.#path.push(part);
    const done = work();
    this.#path.pop();
    return done;
  }

  #naming<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      return this.#fail((error as Error).message);
    }
  }

  #fail(what: string): never {
    const where = this.#path.length > 0 ? ` (at ${this.#path.slice(0, 12).join('/')})` : '';
    throw new GrammarError(`JSON schema: ${what}${where}`);
  }
}

const comma = sequence(text(','), rule('space'));
const colon = sequence(text(':'), rule('space'));

function enclosed(open: string, inner: Expression, close: string): Expression {
  return sequence(text(open), rule('space'), inner, rule('space'), text(close));
}

interface Combinations {
  readonly $ref?: string;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly [keyword: string]: unknown;
}
type Numbers = Readonly<Partial<Record<'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum', number>>>;
interface Strings {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}
interface Arrays {
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly prefixItems?: readonly JsonSchema[];
  readonly additionalItems?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
}
interface Objects {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

/** Types that a schema allows; where it names none, those that its keywords speak of, or all. */
function typesOf(schema: SchemaObject): readonly string[] {
  if ('type' in schema) return [schema.type].flat() as string[];
  const implied = Object.keys(keywordsOfType).filter((type) =>
    keywordsOfType[type]?.some((keyword) => keyword in schema),
  );
  return implied.length > 0 ? implied : typeNames.filter((type) => type !== 'integer');
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function saysWhatIsValid(keyword: string): boolean {
  return (
    ['$ref', 'type', 'enum', 'const', 'allOf', 'anyOf', 'oneOf'].includes(keyword) ||
    Object.values(keywordsOfType).some((keywords) => keywords.includes(keyword))
  );
}

function withoutKeyword(schema: SchemaObject, keyword: string): SchemaObject {
  const { [keyword]: _, ...others } = schema;
  return others;
}

/** A part of a JSON pointer in a URL. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}
