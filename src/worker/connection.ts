/** The page's side of the protocol: calls with their signals and callbacks, and streams. */
import { revivedError, WorkerError } from './errors.ts';
import type { Port, Reply, Request } from './protocol.ts';
import type { CallName, StreamName } from './serve.ts';

/** A dedicated worker, as far as it is used. */
export interface WorkerPort extends Port<Request, Reply> {
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

interface Waiting {
  readonly signal: AbortSignal | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

type Callback = (...args: readonly unknown[]) => unknown;

/** `Method` names what a worker of one's own answers beside the methods of every model. */
export class Connection<Method extends string = never> {
  readonly #worker: WorkerPort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #callbacks = new Map<number, ReadonlyMap<string, Callback>>();
  #lastId = 0;
  #closed: Error | undefined;

  constructor(worker: WorkerPort) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onmessageerror = () => this.close(new WorkerError("the worker's message could not be read"));
    worker.onerror = ({ message }) =>
      this.close(new WorkerError(message ? `the worker stopped: ${message}` : 'the worker’s script did not load'));
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** Terminates the worker. Open calls and later ones reject with `reason`. */
  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
  }

  async call<T>(method: CallName | Method, input: unknown, options?: object, transfer?: Transferable[]): Promise<T> {
    const { id, signal, end } = this.#begin('call', method, input, options, transfer);
    try {
      return (await this.#answer(id, signal)) as T;
    } finally {
      end();
    }
  }

  /** A stream as a generator of the page's: begun by its first `next`, ended with the page's loop. */
  async *stream<T, Result>(method: StreamName | Method, input: unknown, options?: object): AsyncGenerator<T, Result> {
    const { id, signal, end } = this.#begin('stream', method, input, options);
    const step = (kind: 'next' | 'return') => {
      const stepId = ++this.#lastId;
      this.#post({ kind, id: stepId, stream: id });
      return this.#answer(stepId, signal);
    };
    let suspended = false;
    try {
      while (true) {
        const { done, value } = (await step('next')) as IteratorResult<T, Result>;
        if (done) return value;
        suspended = true;
        yield value;
        suspended = false;
      }
    } finally {
      if (suspended && this.isOpen) await step('return');
      end();
    }
  }

  /** Posts a call or stream. Until `end`, its signal and its callbacks are heard; those of `load`, while the model lives. */
  #begin(
    kind: 'call' | 'stream',
    method: string,
    input: unknown,
    options: { readonly signal?: AbortSignal } = {},
    transfer?: Transferable[],
  ) {
    const id = ++this.#lastId;
    const { signal, ...others } = options;
    const entries = Object.entries(others);
    const callbacks = new Map(entries.filter((entry): entry is [string, Callback] => typeof entry[1] === 'function'));
    const plain = Object.fromEntries(entries.filter(([name]) => !callbacks.has(name)));
    this.#post({ kind, id, method, input, options: plain, callbacks: [...callbacks.keys()] }, transfer);
    this.#callbacks.set(id, callbacks);
    const abort = () => this.isOpen && this.#post({ kind: 'abort', id });
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    const end = () => {
      signal?.removeEventListener('abort', abort);
      if (method !== 'load') this.#callbacks.delete(id); // a loaded model warns later on, as of a lost device
    };
    return { id, signal, end };
  }

  #post(message: Request, transfer: Transferable[] = []): void {
    if (this.#closed) throw this.#closed;
    this.#worker.postMessage(message, transfer);
  }

  #answer(id: number, signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { signal, resolve, reject }));
  }

  #receive(reply: Reply): void {
    if (reply.kind === 'event') return void this.#callBack(reply.id, reply.callback, reply.args);
    const { resolve, reject, signal } = this.#waiting.get(reply.id)!;
    this.#waiting.delete(reply.id);
    if (reply.kind === 'value') resolve(reply.value);
    else reject(reply.kind === 'aborted' ? signal?.reason : revivedError(reply.error));
  }

  /** As in the page, what a callback throws is what the call rejects with. */
  #callBack(id: number, name: string, args: readonly unknown[]): void {
    try {
      this.#callbacks.get(id)?.get(name)?.(...args);
    } catch (error) {
      this.#waiting.get(id)?.reject(error);
    }
  }
}
