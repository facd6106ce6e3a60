/** The JSON Schema Test Suite, as its package has it (draft 4): what is let through is valid, what cannot be enforced is refused. */
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { GrammarError, type JsonSchema } from '../../src/grammar/index.ts';
import { acceptsJson } from './texts.ts';

interface Group {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

const suite = dirname(createRequire(import.meta.url).resolve('json-schema-test-suite/package.json'));
const files = globSync(join(suite, 'tests/draft4/*.json')).sort();

const taken: string[] = [];
const refused: string[] = [];

test.each(files.map((path) => [basename(path, '.json'), path] as const))('%s', (name, path) => {
  for (const { description, schema, tests } of JSON.parse(readFileSync(path, 'utf8')) as Group[]) {
    try {
      for (const { data, valid, description: what } of tests) {
        if (acceptsJson(schema, data)) expect(valid, `${description}: ${what}: ${JSON.stringify(data)}`).toBe(true);
      }
      taken.push(`${name}: ${description}`);
    } catch (error) {
      if (!(error instanceof GrammarError)) throw error;
      refused.push(`${name}: ${description}: ${error.message}`);
    }
  }
});

test('more of it is taken than refused', () => {
  expect(refused.length).toBeLessThan(taken.length);
});
