/** The lines of a batch's input, as OpenAI has them. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** What may be asked in a batch. */
export const batchUrls = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'] as const;

export interface BatchRequest {
  readonly line: number;
  readonly customId: string;
  readonly url: string;
  readonly body: unknown;
}

/** A line at a time; empty ones are none. Throws where one is no request, and names it. */
export async function* readRequests(path: string): AsyncGenerator<BatchRequest> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() !== '') yield parseRequest(text, line, path);
  }
}

/** The ids of all requests; throws for one that stands there twice, by which an answer could not be told. */
export async function requestIds(path: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { customId, line } of readRequests(path)) {
    if (ids.has(customId))
      throw new Error(`${path} line ${line}: custom_id ${JSON.stringify(customId)} is there already`);
    ids.add(customId);
  }
  if (ids.size === 0) throw new Error(`${path} has no requests`);
  return ids;
}

function parseRequest(text: string, line: number, path: string): BatchRequest {
  const fail = (what: string): never => {
    throw new Error(`${path} line ${line}: ${what}`);
  };
  let request: { custom_id?: unknown; method?: unknown; url?: unknown; body?: unknown } | null = null;
  try {
    request = JSON.parse(text);
  } catch {
    fail('it is not JSON');
  }
  if (typeof request !== 'object' || request === null) return fail('it is no object');
  const { custom_id: customId, method = 'POST', url, body } = request;
  if (typeof customId !== 'string' || customId === '')
    return fail('custom_id is missing, a text by which the answer is known');
  if (method !== 'POST') fail(`method is POST, not ${JSON.stringify(method)}`);
  if (!batchUrls.includes(url as (typeof batchUrls)[number]))
    fail(`url is ${batchUrls.join(' or ')}, not ${JSON.stringify(url)}`);
  if (typeof body !== 'object' || body === null) fail('body is missing');
  return { line, customId, url: url as string, body };
}
