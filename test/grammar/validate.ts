import { createRequire } from 'node:module';
import type { JsonSchema } from '../../src/grammar/index.ts';

type Validate = (value: unknown) => boolean;
// both are CommonJS, whose types TypeScript reads as another shape than Node gives
const require = createRequire(import.meta.url);
const { Ajv2020 } = require('ajv/dist/2020.js') as {
  Ajv2020: new (options: object) => { compile(schema: unknown): Validate & { errors?: unknown } };
};
const addFormats = require('ajv-formats').default as (ajv: unknown) => void;

/** What ajv says of values: nothing where they are valid, otherwise why not. */
export function validator(schema: JsonSchema): (value: unknown) => unknown {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true });
  addFormats(ajv);
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? undefined : validate.errors);
}
