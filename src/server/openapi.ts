/** The server's OpenAPI document, out of the same schemas that its requests are held to. */
import { z } from 'zod';
import type { Operation } from './operation.ts';

const error = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

const failures: Readonly<Record<string, string>> = {
  400: 'The request cannot be honoured',
  401: 'A key is missing or wrong',
  404: 'There is no such model',
  413: 'The body is too long',
  415: 'The body is not JSON',
  500: 'The server is at fault',
  501: 'This server was started without',
  503: 'The model is being loaded, or too many requests wait: Retry-After says when to ask again',
};

/** OpenAPI 3.1 of `operations`; with `needsKey` as one that asks for keys. */
export function openApiDocument(operations: readonly Operation[], needsKey: boolean): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const each of operations) paths[each.path] = { ...paths[each.path], [each.method]: described(each, needsKey) };
  return {
    openapi: '3.1.0',
    info: { title: 'webgguf', version: '1', description: 'A GGUF model behind OpenAI’s API' },
    paths,
    components: {
      schemas: { Error: schemaOf(error, 'output') },
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function described(operation: Operation, needsKey: boolean): object {
  const { path, summary, params, body, bodyIsOptional, answer, streams, isOpen } = operation;
  const content = {
    ...(answer ? { 'application/json': { schema: schemaOf(answer, 'output') } } : { 'text/plain': { schema: text } }),
    ...(streams && { 'text/event-stream': {} }), // 3.1 has no words for what events hold
  };
  const codes = Object.keys(failures).filter((code) => {
    if (code === '401') return needsKey && !isOpen;
    if (code === '501') return params !== undefined && body !== undefined;
    if (code === '400' || code === '404') return params !== undefined || body !== undefined;
    return body !== undefined || code.startsWith('5');
  });
  const errors = codes.map((code) => [code, { description: failures[code], content: errorContent }]);
  return {
    summary,
    operationId: path.slice(1).replaceAll(/\W+/g, '_'),
    ...(params && { parameters: parametersOf(path, params) }),
    ...(needsKey && !isOpen && { security: [{ key: [] }] }),
    ...(body && {
      requestBody: { required: !bodyIsOptional, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    responses: { 200: { description: 'Done', content }, ...Object.fromEntries(errors) },
  };
}

function parametersOf(path: string, { shape }: z.ZodObject): object[] {
  return Object.entries(shape).map(([name, schema]) => {
    const place = path.includes(`{${name}}`) ? 'path' : 'query';
    return { name, in: place, required: true, schema: schemaOf(schema as z.ZodType, 'input') };
  });
}

const text = { type: 'string' };
const errorContent = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema, ...json } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return json;
}
