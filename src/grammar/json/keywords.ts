/** Which keywords of JSON Schema are enforced, which say nothing of what is valid, and which cannot be enforced. */
import { GrammarError } from '../errors.ts';
import type { SchemaObject } from './merge.ts';

export const typeNames = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'] as const;

/** Keywords that speak of one type alone; without `type` they imply it. */
export const keywordsOfType: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'patternProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'additionalItems', 'uniqueItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};

const unenforceable = [
  'not',
  'if',
  'then',
  'else',
  'contains',
  'minContains',
  'maxContains',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  '$dynamicRef',
  '$recursiveRef',
];

type Check = (value: unknown) => boolean;
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => Number.isFinite(value);
const isText: Check = (value) => typeof value === 'string';
export const isSchema: Check = (value) =>
  typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value));
const areSchemas: Check = (value) => Array.isArray(value) && value.every(isSchema);
const areNamed: Check = (value) =>
  isSchema(value) && typeof value === 'object' && Object.values(value as object).every(isSchema);
const areTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isType: Check = (value) => (typeNames as readonly unknown[]).includes(value);

const forms: Readonly<Record<string, Check>> = {
  $ref: isText,
  type: (value) => isType(value) || (Array.isArray(value) && value.every(isType)),
  enum: Array.isArray,
  allOf: areSchemas,
  anyOf: areSchemas,
  oneOf: areSchemas,
  properties: areNamed,
  patternProperties: areNamed,
  required: areTexts,
  additionalProperties: isSchema,
  items: (value) => isSchema(value) || areSchemas(value),
  prefixItems: areSchemas,
  additionalItems: isSchema,
  pattern: isText,
  format: isText,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minProperties: isCount,
  maxProperties: isCount,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  multipleOf: (value) => isNumber(value) && (value as number) > 0,
};

/** Throws `GrammarError` for a keyword that cannot be enforced, or is not as JSON Schema has it. */
export function checkKeywords(schema: SchemaObject): void {
  for (const keyword of unenforceable) {
    if (keyword in schema) throw new GrammarError(`${keyword} cannot be enforced`);
  }
  for (const [keyword, isRight] of Object.entries(forms)) {
    if (keyword in schema && !isRight(schema[keyword]))
      throw new GrammarError(`${keyword} is not as JSON Schema has it`);
  }
  if (schema.uniqueItems === true && !((schema.maxItems as number) <= 1)) {
    throw new GrammarError('uniqueItems cannot be enforced');
  }
  if ('multipleOf' in schema && schema.multipleOf !== 1)
    throw new GrammarError('multipleOf cannot be enforced, but for 1');
}
