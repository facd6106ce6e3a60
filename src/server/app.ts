/** The server as web standards have it, a Request to a Response: the same in Node and in Deno. */
import { Hono, type MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { requestId } from 'hono/request-id';
import { readBody, readParams } from './body.ts';
import { chatCompletions } from './chat.ts';
import { completions } from './completions.ts';
import { embeddings } from './embeddings.ts';
import { ApiError, toApiError } from './errors.ts';
import { requireKey } from './keys.ts';
import { modelNamed, models } from './models.ts';
import { openApiDocument } from './openapi.ts';
import { isAt, type Operation, operation } from './operation.ts';
import type { Service } from './service.ts';
import { slotAction } from './slots.ts';
import { health, metrics, props, slots } from './status.ts';
import { applyTemplate, detokenize, tokenize, tokenizerInfo } from './tokens.ts';

const openApi = operation({
  method: 'get',
  path: '/openapi.json',
  summary: 'This document',
  handle: ({ settings }) => Response.json(openApiDocument(operations, settings.apiKeys.length > 0)),
});

/** All there is. */
export const operations: readonly Operation[] = [
  models,
  modelNamed,
  chatCompletions,
  completions,
  embeddings,
  tokenize,
  detokenize,
  tokenizerInfo,
  applyTemplate,
  health,
  metrics,
  props,
  slots,
  slotAction,
  openApi,
];

const openPaths = new Set(operations.filter(({ isOpen }) => isOpen).map(({ path }) => path));

/** What whoever serves the app may tell of a request: that its connection is gone, where the request itself may not. */
export interface Connection {
  readonly gone?: AbortSignal;
}

interface Env {
  Variables: { requestId: string };
  Bindings: Connection;
}

/** `app.fetch` answers requests; `Deno.serve` and @hono/node-server take it as it is. */
export function createApp(service: Service): Hono<Env> {
  const { settings } = service;
  const app = new Hono<Env>();
  app.use(requestId());
  app.use(observed(service));
  if (settings.corsOrigins.length > 0) app.use(cors({ origin: [...settings.corsOrigins] }));
  app.use(requireKey(settings.apiKeys, (path) => openPaths.has(path)));
  for (const each of operations) {
    app.on(each.method, each.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (c) => {
      const call = {
        id: c.var.requestId,
        signal: c.env?.gone ? AbortSignal.any([c.req.raw.signal, c.env.gone]) : c.req.raw.signal,
        params: each.params ? readParams(each.params, { ...c.req.query(), ...c.req.param() }) : {},
      };
      const isMissing = each.bodyIsOptional && c.req.raw.body === null;
      const body = each.body && (isMissing ? {} : await readBody(c.req.raw, each.body, settings.maxBodyBytes));
      if (body && settings.logPrompts) service.log.info({ request: call.id, body }, 'asked');
      return each.handle(service, body, call);
    });
  }
  app.notFound(({ req }) => notThere(req.path).toResponse());
  app.onError((error, c) => {
    const told = toApiError(error);
    if (told.status === 500) service.log.error({ request: c.var.requestId, err: error }, 'failed');
    return told.toResponse();
  });
  return app;
}

/** 405 where another method is taken. */
function notThere(path: string): ApiError {
  const methods = operations.filter((each) => isAt(each, path)).map(({ method }) => method.toUpperCase());
  if (methods.length === 0) return new ApiError(404, `there is nothing at ${path}; /openapi.json tells what there is`);
  const Allow = methods.join(', ');
  return new ApiError(405, `${path} takes ${Allow}`, { headers: { Allow } });
}

/** Counts and logs each request, and gives its id back. */
function observed({ metrics, log }: Service): MiddlewareHandler<Env> {
  return async (c, next) => {
    const start = performance.now();
    await next();
    c.header('X-Request-Id', c.var.requestId); // errors have headers of their own
    const { method, path } = c.req;
    const { status } = c.res;
    metrics.answered(routeOf(path), status);
    const milliseconds = Math.round(performance.now() - start);
    log.info({ request: c.var.requestId, method, path: routeOf(path), status, milliseconds }, 'request');
  };
}

/** Paths that anybody may make up are one. */
function routeOf(path: string): string {
  return operations.find((each) => isAt(each, path))?.path ?? 'other';
}
