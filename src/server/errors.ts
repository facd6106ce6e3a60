/** What goes wrong, in OpenAI's shape: `{"error":{"message","type","param","code"}}`. */
import {
  ChatTemplateError,
  ContextFullError,
  DeviceLostError,
  GrammarError,
  OutOfMemoryError,
  TokenizerError,
} from '../index.ts';

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The field of the request that is to blame. */
    readonly param: string | null;
    readonly code: string | null;
  };
}

interface Details {
  readonly param?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is no success, with what the client may know of it. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { param, code, headers = {} }: Details = {}) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
    this.headers = headers;
  }

  get body(): ErrorBody {
    const { message, status, param = null, code = null } = this;
    return { error: { message, type: typeOf(status), param, code } };
  }

  toResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers });
  }
}

/** 400: the request cannot be honoured as it is. */
export function badRequest(message: string, details: Details = {}): ApiError {
  return new ApiError(400, message, details);
}

/** 503: later it may be; `seconds` is when to ask again. */
export function unavailable(message: string, code: string, seconds: number): ApiError {
  return new ApiError(503, message, { code, headers: { 'Retry-After': String(Math.max(1, Math.ceil(seconds))) } });
}

/** Nobody hears of it. 499 is nginx's number for it. */
export function clientGone(): ApiError {
  return new ApiError(499, 'the client went away');
}

const deviceRetrySeconds = 5;

/** What was thrown, as the client hears of it. Of faults of our own it learns nothing but that they are. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ContextFullError) return badRequest(error.message, { code: 'context_length_exceeded' });
  if (error instanceof ChatTemplateError) return badRequest(error.message, { param: 'messages' });
  if (error instanceof TokenizerError || error instanceof RangeError || error instanceof GrammarError)
    return badRequest(error.message);
  if (error instanceof DeviceLostError || error instanceof OutOfMemoryError) {
    return unavailable('the GPU cannot take this up at present', 'gpu_unavailable', deviceRetrySeconds);
  }
  return new ApiError(500, 'something went wrong within the server; its log has more under this request’s id');
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 404) return 'not_found_error';
  if (status === 503) return 'unavailable_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
