import { createRequire } from 'node:module';
import type { JsonSchema } from '../../src/grammar/index.ts';

type Validate = (value: unknown) => boolean;
// both are CommonJS, whose types TypeScript reads as another shape than Node gives
const require = createRequire(import.meta.url);
type Ajv = new (options: object) => { compile(schema: unknown): Validate & { errors?: unknown } };
const { Ajv2020 } = require('ajv/dist/2020.js') as { Ajv2020: Ajv };
const { Ajv: Ajv7 } = require('ajv') as { Ajv: Ajv };
const addFormats = require('ajv-formats').default as (ajv: unknown) => void;

/** What ajv says of values: nothing where they are valid, otherwise why not. Drafts before 2020 have tuples as `items`. */
export function validator(schema: JsonSchema, draft: '2020' | '7' = '2020'): (value: unknown) => unknown {
  const ajv = new (draft === '2020' ? Ajv2020 : Ajv7)({ strict: false, allErrors: false, validateFormats: true });
  addFormats(ajv);
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? undefined : validate.errors);
}
