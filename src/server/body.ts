/** A request's body: JSON, of bounded length, as its schema wants it. */
import type { z } from 'zod';
import { ApiError, badRequest } from './errors.ts';
import { unsupportedFields } from './unsupported.ts';

export async function readBody<Body extends z.ZodType>(
  request: Request,
  schema: Body,
  maxBytes: number,
): Promise<z.output<Body>> {
  const type = request.headers.get('Content-Type') ?? '';
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new ApiError(415, 'the body is to be JSON: send Content-Type: application/json');
  }
  const parsed = schema.safeParse(parseJson(await readText(request, maxBytes)));
  if (parsed.success) return parsed.data;
  throw explained(parsed.error);
}

/** What a path's places and a query hold, as texts. */
export function readParams(schema: z.ZodObject, given: Readonly<Record<string, string>>): Record<string, string> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data as Record<string, string>;
  throw explained(parsed.error);
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const tooLong = () => new ApiError(413, `the body has more than the ${maxBytes} bytes that are taken`);
  if (Number(request.headers.get('Content-Length') ?? 0) > maxBytes) throw tooLong();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let length = 0;
  try {
    for await (const part of request.body ?? []) {
      length += part.byteLength;
      if (length > maxBytes) throw tooLong();
      text += decoder.decode(part, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const isText = !(
      error instanceof TypeError && (error as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
    );
    throw badRequest(isText ? 'the body ended before it was whole' : 'the body is not UTF-8');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`the body is not JSON: ${(error as Error).message}`);
  }
}

/** The first of what is wrong, and the field that it is about. */
function explained(error: z.ZodError): ApiError {
  const issue = error.issues[0] as z.core.$ZodIssue;
  const param = issue.path.join('.');
  const field = String(issue.path[0]);
  if (issue.path.length > 0 && field in unsupportedFields) {
    return badRequest(`${field} cannot be honoured here; leave it out`, {
      param: field,
      code: 'unsupported_parameter',
    });
  }
  if (param === '') return badRequest(`the body: ${issue.message}`);
  return badRequest(`${param}: ${issue.message}`, { param });
}
