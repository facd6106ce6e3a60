/** Who may ask: a request's key is compared with each of those that hold, in a time that tells nothing of them. */
import type { MiddlewareHandler } from 'hono';
import { ApiError } from './errors.ts';

/** Lets through what bears one of `keys`; with none, everything. `isOpen`: paths that need no key. */
export function requireKey(keys: readonly string[], isOpen: (path: string) => boolean): MiddlewareHandler {
  if (keys.length === 0) return (_, next) => next();
  const known = Promise.all(keys.map(digest));
  return async ({ req }, next) => {
    if (isOpen(req.path)) return next();
    const [, key = ''] = /^Bearer +(.+)$/i.exec(req.header('Authorization') ?? '') ?? [];
    const given = await digest(key);
    let matches = false;
    for (const each of await known) matches = equals(each, given) || matches; // all of them, whichever it is
    if (matches) return next();
    throw new ApiError(401, 'a valid key is needed: Authorization: Bearer KEY', {
      code: 'invalid_api_key',
      headers: { 'WWW-Authenticate': 'Bearer' },
    });
  };
}

/** SHA-256: of one length whatever the key's, and unrelated to its beginning. */
async function digest(key: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)));
}

function equals(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}
