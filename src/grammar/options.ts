import { automatonOf } from './automaton.ts';
import { GrammarError } from './errors.ts';
import type { Grammar } from './expression.ts';
import { parseGbnf } from './gbnf.ts';
import { anyObjectSchema, jsonGrammar } from './json/schema.ts';
import { parseRegex } from './regex.ts';
import { type ToolUse, toolGrammar } from './tool_calls.ts';

/** JSON schemas are objects, or `true` for anything. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** The form of an answer, as OpenAI's API has it. */
export type ResponseFormat =
  | { readonly type: 'text' }
  /** Some JSON object. */
  | { readonly type: 'json_object' }
  | { readonly type: 'json_schema'; readonly schema: JsonSchema };

/** What an answer is held to; of the three, one at most. */
export interface GrammarOptions {
  /** The answer is JSON: any object, or what a schema describes; its properties come in the schema's order. Default: text. */
  responseFormat?: ResponseFormat;
  /** The answer is a text of this grammar, in GBNF, llama.cpp's language. Default: none. */
  grammar?: string;
  /** The answer matches all of this regular expression. Default: none. */
  regex?: string;
  /** The answer may call tools, or must: what `chat` makes of its `tools`. Default: none. */
  toolUse?: ToolUse;
}

/** Throws `GrammarError` where no answer could be held to the options, whatever the vocabulary. */
export function checkGrammar(options: GrammarOptions): void {
  const grammar = grammarOf(options);
  if (grammar) automatonOf(grammar);
}

/** The grammar that the options name, if any. Throws `GrammarError`, which says what cannot be enforced. */
export function grammarOf(options: GrammarOptions): Grammar | undefined {
  const form = formOf(options);
  return options.toolUse ? toolGrammar(options.toolUse, form) : form;
}

function formOf({ responseFormat, grammar, regex }: GrammarOptions): Grammar | undefined {
  const format = responseFormat?.type === 'text' ? undefined : responseFormat;
  if ([format, grammar, regex].filter((each) => each !== undefined).length > 1) {
    throw new GrammarError('an answer has one form: responseFormat, grammar or regex');
  }
  if (grammar !== undefined) return parseGbnf(grammar);
  if (regex !== undefined) return parseRegex(regex);
  if (!format) return undefined;
  if (format.type === 'json_object') return jsonGrammar(anyObjectSchema);
  if (format.type === 'json_schema') return jsonGrammar(format.schema);
  throw new GrammarError(`there is no responseFormat ${JSON.stringify((format as { type: unknown }).type)}`);
}
