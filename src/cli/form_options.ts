import { readFileSync } from 'node:fs';
import { checkGrammar, type GrammarOptions } from '../index.ts';
import { UsageError } from './command.ts';
import type { Values } from './option_values.ts';

/** Options that hold an answer to a form. */
export const formArgs = {
  'grammar-file': { type: 'string' },
  'json-schema': { type: 'string' },
  regex: { type: 'string' },
} as const;

export const formUsage = `  --grammar-file FILE    the answer is a text of this grammar, in GBNF
  --json-schema SCHEMA   the answer is JSON of this schema: a file, or the schema itself
  --regex PATTERN        the answer matches all of this regular expression`;

type FormValues = Values<typeof formArgs>;

/** The form that the options name, if any. */
export function formOptions(values: FormValues): GrammarOptions {
  const { regex, 'grammar-file': grammarFile, 'json-schema': schema } = values;
  if ([regex, grammarFile, schema].filter((each) => each !== undefined).length > 1) {
    throw new UsageError('an answer has one form: --grammar-file, --json-schema or --regex');
  }
  const options: GrammarOptions = {
    ...(regex !== undefined && { regex }),
    ...(grammarFile !== undefined && { grammar: readFileSync(grammarFile, 'utf8') }),
    ...(schema !== undefined && { responseFormat: { type: 'json_schema', schema: readSchema(schema) } }),
  };
  checkGrammar(options); // before a model is loaded for it
  return options;
}

function readSchema(given: string) {
  const isInline = /^\s*[{[]/.test(given);
  const text = isInline ? given : readFileSync(given, 'utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--json-schema ${isInline ? '' : `${given} `}is not JSON: ${(error as Error).message}`);
  }
}
