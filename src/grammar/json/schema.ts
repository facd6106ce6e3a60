/** JSON schemas as grammars: whatever a grammar lets through is valid. */

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
import type { JsonSchema } from '../options.ts';
import { arrayOf } from './arrays.ts';
import { requireDisjoint } from './disjoint.ts';
import { checkKeywords, isSchema, keywordsOfType, typeNames } from './keywords.ts';
import { merge, type SchemaObject, typesInBoth } from './merge.ts';
import { anyNumber } from './numbers.ts';
import { objectOf } from './objects.ts';
import type { SchemaParts } from './parts.ts';
import { numberOf, stringOf } from './scalars.ts';
import { character, quoted } from './strings.ts';

export const anyObjectSchema: JsonSchema = { type: 'object' };

/** Schemas that one schema may come to, when its references and alternatives are followed. */
const maxSchemas = 5000;

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

class Compiler implements SchemaParts {
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
    this.#rules.set('any object', objectOf({}, this));
    this.#rules.set('any array', arrayOf({}, this));
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
    if (++this.#count > maxSchemas) this.fail(`the schema comes to more than ${maxSchemas} of its parts`);
    if (this.#path.length > maxSourceDepth)
      this.fail('the schema is nested too deeply, or refers to itself in a circle');
    if (schema === true) return rule('any');
    if (schema === false) return nothing;
    try {
      checkKeywords(schema);
    } catch (error) {
      this.fail((error as Error).message);
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
        this.naming(() => requireDisjoint(each.map((one) => this.#resolved(one))));
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
    return this.naming(() => merge(a, b));
  }

  /** A schema that is only a reference, as what it refers to. */
  #resolved(schema: JsonSchema): JsonSchema {
    let at = schema;
    for (let hops = 0; typeof at === 'object' && typeof at.$ref === 'string'; hops++) {
      if (hops > maxSourceDepth) this.fail('references lead in a circle');
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
      this.fail(`$ref ${JSON.stringify(pointer)} leads out of the schema`);
    let at: unknown = this.#root;
    for (const part of pointer.split('/').slice(1)) {
      const key = decoded(part);
      at =
        typeof at === 'object' && at !== null && Object.hasOwn(at, key)
          ? (at as Record<string, unknown>)[key]
          : undefined;
    }
    if (!isSchema(at)) this.fail(`$ref ${JSON.stringify(pointer)} leads nowhere`);
    return at as JsonSchema;
  }

  /** Values as they are; those that the type rules out are left out. */
  #literals(values: readonly unknown[], schema: SchemaObject): Expression {
    const others = Object.values(keywordsOfType).flat();
    const beside = others.find((keyword) => keyword in schema);
    if (beside) this.fail(`${beside} beside enum or const cannot be enforced`);
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
        return this.naming(() => numberOf(type, schema));
      case 'string':
        return this.naming(() => stringOf(schema));
      case 'array':
        return arrayOf(schema, this);
      default:
        return objectOf(schema, this);
    }
  }

  named(part: string, schema: JsonSchema): Expression {
    return this.#at(part, () => this.shared(this.#schema(schema)));
  }

  shared(expression: Expression): Expression {
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

  naming<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      return this.fail((error as Error).message);
    }
  }

  fail(what: string): never {
    const where = this.#path.length > 0 ? ` (at ${this.#path.slice(0, 12).join('/')})` : '';
    throw new GrammarError(`JSON schema: ${what}${where}`);
  }
}

interface Combinations {
  readonly $ref?: string;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly [keyword: string]: unknown;
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
