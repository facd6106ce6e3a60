/** What a page and its worker say to each other. Messages arrive in the order in which they were sent. */

/** Page to worker. Each `id` is new, except that of `abort`. */
export type Request =
  | ({ readonly kind: 'call' } & Begin)
  | ({ readonly kind: 'stream' } & Begin)
  /** Answered by the stream's next `IteratorResult`. */
  | { readonly kind: 'next'; readonly id: number; readonly stream: number }
  /** Answered when the stream has ended early. */
  | { readonly kind: 'return'; readonly id: number; readonly stream: number }
  /** Not answered: the signal of this call or stream. */
  | { readonly kind: 'abort'; readonly id: number };

/** A call is answered once. A stream is not: it stands under its id, and does nothing before its first `next`. */
export interface Begin {
  readonly id: number;
  readonly method: string;
  readonly input: unknown;
  /** Without the signal, and without the functions, which can't be posted. */
  readonly options: object;
  /** Names of the options that are functions; a call of one comes back as an `event`. */
  readonly callbacks: readonly string[];
}

/** Worker to page. */
export type Reply =
  | { readonly kind: 'value'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: PostedError }
  /** What the signal's call threw is the signal's reason, which the page knows itself. */
  | { readonly kind: 'aborted'; readonly id: number }
  | { readonly kind: 'event'; readonly id: number; readonly callback: string; readonly args: readonly unknown[] };

/** An error as it is posted: structured clone would forget our classes, and tell of the worker's stack. */
export interface PostedError {
  readonly name: string;
  readonly message: string;
  readonly isDomException: boolean;
}

/** The way to the other side: a `Worker`, a worker's own `self`, a `MessagePort`. */
export interface Port<Sent, Received> {
  postMessage(message: Sent, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<Received>) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
}
