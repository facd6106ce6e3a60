/** What every request of the HTTP sources shares: which faults pass, how long to wait, what statuses mean. */
import { GgufError } from './errors.ts';

/** Opening fails soon, so that a mistyped address is seen: after 1.5 seconds of waiting. */
export const OPEN_TRIES = 3;
/** Within a download of 43 GB a network may be gone for a minute. */
export const DOWNLOAD_TRIES = 8;
const FIRST_RETRY_MS = 500;
/** Without a byte for so long a connection counts as broken. */
const STALL_MS = 30_000;
/** A server may ask for more patience (Retry-After) than a person has. */
const LONGEST_RETRY_MS = 30_000;

/** Timeouts, too many requests, and a proxy's troubles with what is behind it. */
const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A fault that may be gone when tried again. */
export class PassingFault extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Retrying {
  readonly name: string;
  readonly tries: number;
  /** The wait before the first repetition, doubled each time. */
  readonly retryMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Where the last attempt brought something, the next fault is a new trouble with all its tries. */
  madeProgress?(): boolean;
}

/** Runs `attempt` until it succeeds, fails for good, or has met as many passing faults as it has tries. */
export async function retrying<T>(
  { name, tries, retryMs = FIRST_RETRY_MS, signal, madeProgress }: Retrying,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let faultCount = 1; ; faultCount++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      if (madeProgress?.()) faultCount = 1;
      if (faultCount === tries) {
        throw new GgufError(name, `can't be fetched (${reasonOf(error)}), tried ${tries} times`, { cause: error });
      }
      const asked = error instanceof PassingFault ? error.retryAfterMs : undefined;
      await delay(asked ?? retryMs * 2 ** (faultCount - 1), signal);
    }
  }
}

/** `fetch` and a broken body reject with a TypeError, whatever the network's trouble was. */
function isPassing(error: unknown): error is Error {
  return error instanceof PassingFault || error instanceof TypeError;
}

function reasonOf(error: Error): string {
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message;
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, Math.min(ms, LONGEST_RETRY_MS));
    signal?.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
  });
}

/** Takes a partial content and throws for every other status. */
export async function requireOk(response: Response, name: string): Promise<void> {
  const { status, headers } = response;
  if (status === 206) return;
  await response.body?.cancel();
  if (passingStatuses.has(status)) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    throw new PassingFault(`the server answers ${status}`, Number.isFinite(seconds) ? seconds * 1000 : undefined);
  }
  throw new GgufError(name, `the server answers ${status}${adviceFor(status)}`);
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) return ': permission is needed; for a model of the hub, set HF_TOKEN';
  if (status === 404) return ': there is no such file; check its name';
  return '';
}

/** What `waiting` brings; where it brings nothing for `stallMs`, a passing fault. */
export async function unlessStalled<T>(waiting: Promise<T>, stallMs = STALL_MS): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new PassingFault(`the server sent nothing for ${stallMs / 1000} s`)), stallMs);
  waiting.then(resolve, reject);
  return promise.finally(() => clearTimeout(timer));
}

export async function* eachChunk(response: Response, stallMs?: number): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await unlessStalled(reader.read(), stallMs);
      if (done) return;
      yield value;
    }
  } finally {
    // Ends the transfer where the consumer stopped before its end; does nothing otherwise.
    reader.cancel().catch(() => {});
  }
}
