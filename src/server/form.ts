/** The form that an answer is held to, in the words of OpenAI, llama-server and vLLM. */
import { z } from 'zod';
import { checkGrammar, GrammarError, type GrammarOptions, type JsonSchema } from '../index.ts';
import { badRequest } from './errors.ts';

const schema = z.union([z.boolean(), z.record(z.string(), z.unknown())]);

const responseFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object'), schema: schema.nullish() }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({ name: z.string().nullish(), schema, strict: z.boolean().nullish() }),
  }),
]);

const choices = z.array(z.string()).min(1);

/** vLLM's later name for its `guided_…`. */
const structuredOutputs = z.strictObject({
  json: schema.nullish(),
  json_object: z.boolean().nullish(),
  regex: z.string().nullish(),
  choice: choices.nullish(),
  grammar: z.string().nullish(),
});

export const formFields = {
  response_format: responseFormat.nullish(),
  grammar: z.string().nullish(),
  json_schema: schema.nullish(),
  guided_json: schema.nullish(),
  guided_regex: z.string().nullish(),
  guided_choice: choices.nullish(),
  structured_outputs: structuredOutputs.nullish(),
};

type Form = z.output<z.ZodObject<typeof formFields>>;
type Field = keyof Form;
type Value<F extends Field> = NonNullable<Form[F]>;

/**
 * What `generate` is told of the form; nothing where the answer is free. 400 where it cannot be enforced, if that is to be
 * found out.
 */
export function formOptions(request: Form, checks: boolean): GrammarOptions {
  const fields = Object.keys(formFields) as Field[];
  const asked = fields.filter((field) => Object.keys(formOf(field, request)).length > 0);
  const [param, second] = asked;
  if (param === undefined) return {};
  if (second !== undefined)
    throw badRequest(`${param} and ${second} at once: an answer has one form`, { param: second });
  const options = formOf(param, request);
  if (!checks) return options;
  try {
    checkGrammar(options);
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    throw badRequest(`${param}: ${error.message}`, { param, code: 'unsupported_value' });
  }
  return options;
}

function formOf<F extends Field>(field: F, request: Form): GrammarOptions {
  const value = request[field];
  return value === undefined || value === null ? {} : readers[field](value);
}

/** What each field asks for; nothing where it leaves the answer free. */
const readers: { readonly [F in Field]: (value: Value<F>) => GrammarOptions } = {
  response_format(format) {
    if (format.type === 'json_schema') return jsonOf(format.json_schema.schema);
    if (format.type === 'text') return {};
    return format.schema ? jsonOf(format.schema) : { responseFormat: { type: 'json_object' } };
  },
  grammar: (grammar) => (grammar === '' ? {} : { grammar }),
  json_schema: jsonOf,
  guided_json: jsonOf,
  guided_regex: (regex) => ({ regex }),
  guided_choice: choiceOf,
  structured_outputs({ json, json_object, regex, choice, grammar }) {
    const forms: (GrammarOptions | false)[] = [
      json !== undefined && json !== null && jsonOf(json),
      json_object === true && { responseFormat: { type: 'json_object' } },
      typeof regex === 'string' && { regex },
      Array.isArray(choice) && choiceOf(choice),
      typeof grammar === 'string' && { grammar },
    ];
    const [form = {}, second] = forms.filter((each) => each !== false);
    if (second) throw badRequest('structured_outputs: an answer has one form', { param: 'structured_outputs' });
    return form;
  },
};

function jsonOf(given: JsonSchema): GrammarOptions {
  return { responseFormat: { type: 'json_schema', schema: given } };
}

function choiceOf(texts: readonly string[]): GrammarOptions {
  return { regex: texts.map(escaped).join('|') };
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
