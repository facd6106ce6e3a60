import type { z } from 'zod';
import type { Service } from './service.ts';

/** One request, on its way. */
export interface Call {
  /** Goes back in `X-Request-Id`, and stands in the log. */
  readonly id: string;
  /** The client went away. */
  readonly signal: AbortSignal;
  /** What stands in the path's places, and behind its question mark. */
  readonly params: Readonly<Record<string, string>>;
}

/** An endpoint: what it takes, what it gives, and who does it. The app's routes and /openapi.json are made of these. */
export interface Operation<Body extends z.ZodType = z.ZodType> {
  readonly method: 'get' | 'post';
  /** With places, as `/slots/{id_slot}`. */
  readonly path: string;
  readonly summary: string;
  /** Whether it is told to those without a key. */
  readonly isOpen?: true;
  /** What its path's places and its query may be. */
  readonly params?: z.ZodObject;
  /** The JSON it takes; nothing where there is none. */
  readonly body?: Body;
  /** Whether a request may come without. */
  readonly bodyIsOptional?: true;
  /** The JSON it gives; text where there is none. */
  readonly answer?: z.ZodType;
  /** Whether it can answer with a stream of events. */
  readonly streams?: true;
  handle(service: Service, body: z.output<Body>, call: Call): Response | Promise<Response>;
}

/** Whether a request's path is an operation's. */
export function isAt({ path }: Operation, asked: string): boolean {
  const parts = path.split('/');
  const given = asked.split('/');
  return parts.length === given.length && parts.every((part, i) => part.startsWith('{') || part === given[i]);
}

/** Lets `handle` know what `body` makes of a request. */
export function operation<Body extends z.ZodType>(of: Operation<Body>): Operation {
  return of as unknown as Operation;
}
