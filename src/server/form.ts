/** The form that an answer is held to, in the words of OpenAI, llama-server and vLLM. */
import { z } from 'zod';
import { checkGrammar, GrammarError, type GrammarOptions, type JsonSchema, type ResponseFormat } from '../index.ts';
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

export const formFields = {
  response_format: responseFormat.nullish(),
  grammar: z.string().nullish(),
  json_schema: schema.nullish(),
  guided_json: schema.nullish(),
  guided_regex: z.string().nullish(),
  guided_choice: z.array(z.string()).min(1).nullish(),
};

type Form = z.output<z.ZodObject<typeof formFields>>;

/**
 * What `generate` is told of the form; nothing where the answer is free. 400 where it cannot be enforced, if that is to be
 * found out.
 */
export function formOptions(request: Form, checks: boolean): GrammarOptions {
  const asked = Object.keys(formFields).filter((field) => Object.keys(formOf(field, request)).length > 0);
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

function formOf(field: string, request: Form): GrammarOptions {
  const { response_format, grammar, json_schema, guided_json, guided_regex, guided_choice } = request;
  if (field === 'response_format') return response_format ? { responseFormat: formatOf(response_format) } : {};
  if (field === 'grammar') return grammar ? { grammar } : {};
  if (field === 'guided_regex') return typeof guided_regex === 'string' ? { regex: guided_regex } : {};
  if (field === 'guided_choice') return guided_choice ? { regex: guided_choice.map(escaped).join('|') } : {};
  const given = field === 'json_schema' ? json_schema : guided_json;
  return given === undefined || given === null ? {} : { responseFormat: jsonOf(given) };
}

function formatOf(format: z.output<typeof responseFormat>): ResponseFormat {
  if (format.type === 'json_schema') return jsonOf(format.json_schema.schema);
  return format.type === 'json_object' && format.schema ? jsonOf(format.schema) : { type: format.type };
}

const jsonOf = (given: JsonSchema): ResponseFormat => ({ type: 'json_schema', schema: given });

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
