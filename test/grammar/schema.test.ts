import { expect, test } from 'vitest';
import { GrammarError, type JsonSchema } from '../../src/grammar/index.ts';
import { schemas } from './schemas.ts';
import { acceptsJson, grammars, randomText } from './texts.ts';
import { validator } from './validate.ts';

test('there are many schemas', () => {
  expect(schemas.length).toBeGreaterThanOrEqual(160);
});

test.each(schemas.map((schema) => [JSON.stringify(schema).slice(0, 100), schema] as const))(
  'texts by chance are valid: %s',
  (_, schema) => {
    const invalid = validator(schema);
    for (let seed = 0; seed < 12; seed++) {
      const text = randomText({ responseFormat: { type: 'json_schema', schema } }, seed, 4 * seed);
      expect(invalid(JSON.parse(text)), text).toBeUndefined();
    }
  },
);

const ranges = [
  { minimum: 0.25, maximum: 1.75 },
  { exclusiveMinimum: -1.5, maximum: 2.25 },
  { exclusiveMinimum: 0, exclusiveMaximum: 2 },
  { minimum: -3.7, exclusiveMaximum: -1.2 },
  { minimum: 10, maximum: 1000.5 },
  { minimum: -0.2, maximum: 0.25 },
  { minimum: -12, maximum: 345 },
  { exclusiveMaximum: 7 },
];
test.each(
  ranges.flatMap((range) => [
    { type: 'number', ...range },
    { type: 'integer', ...range },
  ]),
)('of numbers all that are valid, and no others: %j', (schema) => {
  const invalid = validator(schema);
  for (let i = -5000; i <= 5000; i += 13) {
    for (const value of [i / 1000, i / 4, i]) {
      expect(acceptsJson(schema, value), `${value}`).toBe(invalid(value) === undefined);
    }
  }
});

test('values are what a schema says, whatever the white space', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'string' }, b: { type: 'integer' } },
    required: ['b'],
    additionalProperties: { type: 'boolean' },
  };
  for (const value of [{ b: 1 }, { a: 'q', b: 1 }, { b: 1, c: true, ab: false, '': true }]) {
    expect(acceptsJson(schema, value)).toBe(true);
  }
  for (const value of [{}, { a: 'q' }, { b: 'q' }, { b: 1, a: true }, { b: 1, c: 1 }, [], 3]) {
    expect(acceptsJson(schema, value)).toBe(false);
  }
});

test.each<[JsonSchema, string]>([
  [{ not: {} }, 'JSON schema: not cannot be enforced'],
  [
    { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } },
    'uniqueItems cannot be enforced (at properties/a)',
  ],
  [{ type: 'array', contains: { type: 'integer' } }, 'contains'],
  [{ if: {} }, 'if cannot be enforced'],
  [{ dependentRequired: { a: ['b'] } }, 'dependentRequired'],
  [{ propertyNames: { pattern: 'a' } }, 'propertyNames'],
  [{ unevaluatedProperties: false }, 'unevaluatedProperties'],
  [{ type: 'number', multipleOf: 0.01 }, 'multipleOf'],
  [{ type: 'string', format: 'regex' }, 'format "regex"'],
  [{ type: 'string', pattern: '(?=a)' }, 'lookahead'],
  [{ type: 'string', pattern: 'a', minLength: 3 }, 'minLength and maxLength beside pattern'],
  [{ enum: ['a'], minLength: 3 }, 'minLength beside enum'],
  [{ $ref: 'https://example.com/schema' }, 'leads out of the schema'],
  [{ $ref: '#/$defs/missing' }, 'leads nowhere'],
  [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, 'no text of finite length'],
  [
    { $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } } },
    'no text of finite length',
  ],
  [{ oneOf: [{ type: 'string' }, { type: 'string', minLength: 3 }] }, 'oneOf whose alternatives may both match'],
  [{ type: 'object', patternProperties: { a: {}, b: {} } }, 'several patternProperties'],
  [
    { type: 'object', properties: { abc: {} }, patternProperties: { b: {} } },
    'patternProperties that match a property',
  ],
  [{ type: 'object', minProperties: 2 }, 'minProperties'],
  [false, 'no text of finite length'],
  [{ allOf: [{ type: 'string' }, { type: 'number' }] }, 'no text of finite length'],
  [{ type: 'integer', minimum: 3, maximum: 2 }, 'no text of finite length'],
  [{ type: 'text' }, 'type is not as JSON Schema has it'],
  [{ required: 'a' }, 'required is not as JSON Schema has it'],
  [{ type: 'string', minLength: -1 }, 'minLength is not'],
  [[] as never, 'no JSON object'],
  [{ properties: { a: 5 } }, 'properties is not'],
  [{ type: 'string', maxLength: 5_000_000 }, 'too large'],
  [
    { allOf: Array.from({ length: 20 }, (_, i) => ({ anyOf: [{ minimum: i }, { maximum: i }, { type: 'null' }] })) },
    '5000 of its parts',
  ],
  [nested(400), 'nested too deeply'],
  [{ description: 'x'.repeat(300_000) }, 'characters'],
  [{ type: 'object', properties: { ['x'.repeat(5000)]: true } }, '256 characters'],
])('%#: a schema that is refused', (schema, message) => {
  const begun = performance.now();
  const make = () => grammars.constraintOf({ responseFormat: { type: 'json_schema', schema } });
  expect(make).toThrow(GrammarError);
  expect(make).toThrow(message);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

function nested(depth: number): JsonSchema {
  return depth === 0 ? { type: 'null' } : { type: 'array', items: nested(depth - 1) };
}
