import type { z } from 'zod';
import type { Service } from './service.ts';

/** One request, on its way. */
export interface Call {
  /** Goes back in `X-Request-Id`, and stands in the log. */
  readonly id: string;
  /** The client went away. */
  readonly signal: AbortSignal;
}

/** An endpoint: what it takes, what it gives, and who does it. The app's routes and /openapi.json are made of these. */
export interface Operation<Body extends z.ZodType = z.ZodType> {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  /** Whether it is told to those without a key. */
  readonly isOpen?: true;
  /** The JSON it takes; nothing where there is none. */
  readonly body?: Body;
  /** The JSON it gives; text where there is none. */
  readonly answer?: z.ZodType;
  /** Whether it can answer with a stream of events. */
  readonly streams?: true;
  handle(service: Service, body: z.output<Body>, call: Call): Response | Promise<Response>;
}

/** Lets `handle` know what `body` makes of a request. */
export function operation<Body extends z.ZodType>(of: Operation<Body>): Operation {
  return of as unknown as Operation;
}
