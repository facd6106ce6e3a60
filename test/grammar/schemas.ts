/** Schemas of varied shape, as applications write them. */
import type { JsonSchema } from '../../src/grammar/index.ts';

const text = { type: 'string', maxLength: 24 };
const object = (properties: Record<string, unknown>, others: object = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...others,
});
const list = (items: unknown, others: object = {}) => ({ type: 'array', items, maxItems: 3, ...others });
const nullable = (schema: object) => ({ anyOf: [schema, { type: 'null' }] });

const scalars: JsonSchema[] = [
  { type: 'null' },
  { const: null },
  { enum: [''] },
  { type: ['null', 'boolean'] },
  { type: 'string', minLength: 1, maxLength: 1 },
  { type: 'boolean' },
  { type: 'integer' },
  { type: 'number' },
  { type: 'string', maxLength: 16 },
  { type: ['integer', 'null'] },
  { type: ['string', 'boolean'], maxLength: 8 },
  { const: 'fixed' },
  { const: { a: [1, null, 'é"'] } },
  { enum: ['red', 'green', 'blue'] },
  { enum: [1, 'one', null, true, [1], { one: 1 }] },
  { type: 'string', enum: ['a', 'b', 3] },
  { type: 'string', minLength: 3, maxLength: 3 },
  { type: 'string', minLength: 0, maxLength: 0 },
  { type: 'string', minLength: 12, maxLength: 60 },
];

const bounds = [
  [0, 9],
  [1, 10],
  [-5, 5],
  [17, 17],
  [99, 1001],
  [-1000, -1],
  [0, undefined],
  [undefined, 0],
  [-273, undefined],
  [undefined, 42],
  [1_000_000, 9_999_999],
] as const;
const said = (range: object) => Object.fromEntries(Object.entries(range).filter(([, value]) => value !== undefined));
const integers = bounds.map(([minimum, maximum]) => ({ type: 'integer', ...said({ minimum, maximum }) }));
const numbers = [...bounds, [0.5, 0.75], [-1.25, 3.5], [0.001, 0.01], [-0.1, 0.1]].map(([minimum, maximum]) => ({
  type: 'number',
  ...said({ minimum, maximum }),
}));
const openBounds: JsonSchema[] = [
  { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  { type: 'number', exclusiveMinimum: 0 },
  { type: 'number', minimum: 0, exclusiveMaximum: 0.3 },
  { type: 'number', exclusiveMinimum: -2.5, maximum: -2 },
  { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 10 },
  { type: 'integer', minimum: 0.5, maximum: 3.5 },
  { type: 'integer', multipleOf: 1, minimum: 1900, maximum: 2100 },
  { type: 'number', minimum: 3, exclusiveMinimum: 3, maximum: 4 },
];

const patterns = [
  '^[a-z]{1,12}$',
  '^\\d{3}-\\d{4}$',
  '^(yes|no|maybe)$',
  'b',
  '^a',
  'z$',
  '^[A-Z]{2}\\d{2}( ?\\d{4}){4}$',
  '^#[0-9a-fA-F]{6}$',
  '^v\\d{1,2}\\.\\d{1,2}\\.\\d{1,2}(-[a-z]{1,8})?$',
  '^[^"\\\\]{1,10}$',
  '^["\\\\/]{2}$',
  '^\\p{Lu}\\p{Ll}{1,8}$',
  '^(a|b){0,9}c?$',
  '^\\s?\\S{1,6}\\s?$',
  '^$',
].map((pattern) => ({ type: 'string', pattern }));

const formats = ['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid', 'uri'].map(
  (format) => ({ type: 'string', format }),
);

const arrays: JsonSchema[] = [
  list({ type: 'integer' }),
  list(text, { minItems: 2 }),
  list({ type: 'boolean' }, { minItems: 3 }),
  list(list({ type: 'integer' })),
  list({ enum: ['a', 'b'] }, { maxItems: 0 }),
  list(nullable(text), { maxItems: 1, uniqueItems: true }),
  { type: 'array', prefixItems: [{ type: 'integer' }, text], items: false },
  { type: 'array', prefixItems: [{ type: 'integer' }, text], items: false, minItems: 2 },
  { type: 'array', prefixItems: [{ type: 'boolean' }], items: { type: 'null' }, minItems: 3, maxItems: 4 },
  {
    type: 'array',
    prefixItems: [{ const: 'x' }, { const: 'y' }, { const: 'z' }],
    items: false,
    minItems: 1,
    maxItems: 2,
  },
  list(object({ x: { type: 'number' }, y: { type: 'number' } }), { minItems: 1 }),
  list({ anyOf: [text, { type: 'integer' }, list({ type: 'boolean' })] }),
];

const objects: JsonSchema[] = [
  object({}),
  object({ name: text }),
  object({ name: text, age: { type: 'integer', minimum: 0, maximum: 130 } }),
  object({ a: text, b: text, c: text }, { required: [] }),
  object({ a: text, b: text, c: text }, { required: ['b'] }),
  object({ a: text, b: text, c: text }, { required: ['a', 'c'] }),
  object({ 'a "quoted"\n key': { type: 'boolean' }, ключ: { type: 'null' }, '': text }),
  object({ id: { type: 'integer' } }, { additionalProperties: { type: 'boolean' }, maxProperties: 3 }),
  object(
    { id: { type: 'integer' }, idea: text, i: text },
    { additionalProperties: { type: 'integer' }, required: ['id'], maxProperties: 5 },
  ),
  { type: 'object', additionalProperties: { type: 'integer' }, maxProperties: 3 },
  { type: 'object', additionalProperties: text, minProperties: 1, maxProperties: 2 },
  { type: 'object', maxProperties: 0 },
  { type: 'object', required: ['anything'], properties: {}, maxProperties: 1 },
  { type: 'object', required: ['x', 'y'], additionalProperties: { type: 'number' }, maxProperties: 3 },
  {
    type: 'object',
    patternProperties: { '^x-[a-z]{1,4}$': { type: 'integer' } },
    additionalProperties: false,
    maxProperties: 2,
  },
  { type: 'object', properties: { known: text }, patternProperties: { '^n_': { type: 'null' } }, maxProperties: 2 },
  { properties: { implied: { minimum: 1, maximum: 2 } }, required: ['implied'], additionalProperties: false },
  object({ deep: object({ deeper: object({ deepest: list(object({ end: nullable({ type: 'integer' }) })) }) }) }),
];

const combined: JsonSchema[] = [
  { anyOf: [{ type: 'integer' }, { type: 'boolean' }] },
  { oneOf: [{ type: 'integer' }, { type: 'string', maxLength: 5 }] },
  { oneOf: [{ const: 1 }, { const: 2 }, { enum: [3, 4] }] },
  {
    oneOf: [
      { type: 'integer', maximum: 0 },
      { type: 'integer', minimum: 10 },
    ],
  },
  {
    oneOf: [
      object({ kind: { const: 'circle' }, r: { type: 'number' } }),
      object({ kind: { const: 'square' }, side: { type: 'number' } }),
    ],
  },
  { allOf: [{ type: 'integer', minimum: 3 }, { maximum: 9 }] },
  { allOf: [{ type: ['string', 'integer'] }, { type: ['integer', 'null'] }] },
  {
    allOf: [
      { type: 'object', properties: { a: text }, required: ['a'] },
      { type: 'object', properties: { b: { type: 'integer' } }, required: ['b'] },
    ],
    maxProperties: 2,
  },
  {
    type: 'object',
    properties: { a: { type: 'integer', minimum: 1 } },
    allOf: [{ properties: { a: { maximum: 5 } } }],
    required: ['a'],
  },
  { type: 'string', anyOf: [{ maxLength: 2 }, { minLength: 5, maxLength: 6 }] },
  { anyOf: [{ enum: ['a', 'b'] }, { enum: ['b', 'c'] }], type: 'string' },
  {
    allOf: [
      { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      { anyOf: [{ type: 'integer', minimum: 5 }, { type: 'boolean' }] },
    ],
  },
  { allOf: [{ enum: [1, 2, 3] }, { enum: [2, 3, 4] }] },
  {
    allOf: [
      { type: 'array', items: { type: 'integer' } },
      { items: { minimum: 0 }, maxItems: 2 },
    ],
  },
  nullable(object({ value: text })),
];

const referring: JsonSchema[] = [
  { $ref: '#/$defs/name', $defs: { name: text } },
  {
    ...object({ a: { $ref: '#/$defs/point' }, b: { $ref: '#/$defs/point' } }),
    $defs: { point: object({ x: { type: 'integer' } }) },
  },
  {
    $ref: '#/$defs/node',
    $defs: { node: object({ value: { type: 'integer' }, next: nullable({ $ref: '#/$defs/node' }) }) },
  },
  {
    $ref: '#/$defs/tree',
    $defs: { tree: object({ name: text, children: list({ $ref: '#/$defs/tree' }, { maxItems: 2 }) }) },
  },
  { ...object({ self: nullable({ $ref: '#' }) }) },
  { definitions: { old: { type: 'boolean' } }, ...object({ flag: { $ref: '#/definitions/old' } }) },
  { $ref: '#/$defs/a~1b%20c', $defs: { 'a/b c': { type: 'integer', minimum: 1, maximum: 3 } } },
  { $ref: '#/$defs/base', maximum: 5, $defs: { base: { type: 'integer', minimum: 0 } } },
  { ...object({ left: text, right: { $ref: '#/properties/left' } }) },
  {
    $ref: '#/$defs/even',
    $defs: {
      even: object({ odd: nullable({ $ref: '#/$defs/odd' }) }),
      odd: object({ even: nullable({ $ref: '#/$defs/even' }) }),
    },
  },
  {
    anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }],
    $defs: { a: object({ a: text }), b: object({ b: list(text) }) },
  },
  {
    type: 'array',
    maxItems: 2,
    items: { $ref: '#/$defs/item' },
    $defs: { item: { oneOf: [{ type: 'null' }, { type: 'array', maxItems: 1, items: { $ref: '#/$defs/item' } }] } },
  },
];

const person = object({
  name: text,
  email: { type: 'string', format: 'email' },
  born: { type: 'string', format: 'date' },
});
const applications: JsonSchema[] = [
  object({
    sentiment: { enum: ['positive', 'neutral', 'negative'] },
    confidence: { type: 'number', minimum: 0, maximum: 1 },
  }),
  object({ steps: list(object({ explanation: text, output: text })), final_answer: text }),
  object({ events: list(object({ name: text, date: { type: 'string', format: 'date' }, participants: list(text) })) }),
  object({ city: text, temperature: { type: 'number', minimum: -60, maximum: 60 }, unit: { enum: ['C', 'F'] } }),
  object({
    invoice: { type: 'string', pattern: '^INV-\\d{4}$' },
    total: { type: 'number', minimum: 0 },
    lines: list(object({ sku: text, quantity: { type: 'integer', minimum: 1, maximum: 99 } }), { minItems: 1 }),
  }),
  object({ person, friends: list(person, { maxItems: 1 }) }),
  object({
    entities: list(
      object({
        text,
        label: { enum: ['PER', 'LOC', 'ORG', 'MISC'] },
        start: { type: 'integer', minimum: 0 },
        end: { type: 'integer', minimum: 0 },
      }),
    ),
  }),
  object({ sql: { type: 'string', pattern: '^SELECT [a-z_]{1,12} FROM [a-z_]{1,12}$' }, safe: { type: 'boolean' } }),
  object({ language: { enum: ['es', 'ca', 'gl', 'eu', 'en'] }, translation: text }),
  object({
    title: text,
    tags: list({ type: 'string', pattern: '^[a-z]{2,10}$' }),
    rating: { type: 'integer', minimum: 1, maximum: 5 },
  }),
  object({
    ip: { type: 'string', format: 'ipv4' },
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    tls: { type: 'boolean' },
  }),
  object({
    matrix: list(list({ type: 'number', minimum: -1, maximum: 1 }, { minItems: 2, maxItems: 2 }), {
      minItems: 2,
      maxItems: 2,
    }),
  }),
  object({
    answer: { anyOf: [{ type: 'boolean' }, text, { type: 'null' }] },
    sources: list({ type: 'string', format: 'uri' }, { maxItems: 1 }),
  }),
  {
    title: 'Recipe',
    description: 'as pydantic writes it',
    type: 'object',
    properties: {
      name: { title: 'Name', type: 'string', maxLength: 20 },
      minutes: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null, title: 'Minutes' },
      ingredients: { items: { $ref: '#/$defs/Ingredient' }, title: 'Ingredients', type: 'array', maxItems: 2 },
    },
    required: ['name', 'ingredients'],
    $defs: {
      Ingredient: {
        properties: { name: { type: 'string', maxLength: 12 }, grams: { type: 'number', exclusiveMinimum: 0 } },
        required: ['name', 'grams'],
        title: 'Ingredient',
        type: 'object',
      },
    },
  },
  {
    type: 'object',
    properties: {
      function: { const: 'move' },
      arguments: object({
        direction: { enum: ['north', 'south'] },
        distance: { type: 'integer', minimum: 1, maximum: 10 },
      }),
    },
    required: ['function', 'arguments'],
  },
  object({
    width: { enum: [1, 2, 4] },
    colors: { type: 'object', additionalProperties: { type: 'string', pattern: '^#[0-9a-f]{6}$' }, maxProperties: 2 },
  }),
];

/** Each of them within something else, which is where most schemas stand. */
const nested = [
  ...scalars,
  ...integers.slice(0, 6),
  ...patterns.slice(0, 8),
  ...formats.slice(0, 4),
  ...combined.slice(0, 8),
].map((schema, i) =>
  i % 3 === 0
    ? list(schema, { maxItems: 2 })
    : object({ before: { type: 'boolean' }, value: schema }, i % 3 === 1 ? {} : { required: ['value'] }),
);

export const schemas: readonly JsonSchema[] = [
  ...scalars,
  ...integers,
  ...numbers,
  ...openBounds,
  ...patterns,
  ...formats,
  ...arrays,
  ...objects,
  ...combined,
  ...referring,
  ...applications,
  ...nested,
];
