/** Who may generate now: so many at once, the requests in turn; beyond a bound new ones are sent away. */
import { ApiError, clientGone } from './errors.ts';

/** A request's place: its choices and prompts take slots through it. */
export class Ticket {
  readonly #queue: Queue;
  readonly #controller = new AbortController();
  readonly #start = performance.now();
  readonly #listening = new AbortController();
  hasBegun = false;

  /** `signals`: any of them ends it, with the reason that it has if that is an `ApiError`. */
  constructor(queue: Queue, signals: readonly AbortSignal[]) {
    this.#queue = queue;
    for (const signal of signals) {
      const end = () => this.abort(signal.reason);
      signal.addEventListener('abort', end, { once: true, signal: this.#listening.signal });
      if (signal.aborted) end();
    }
  }

  /** Whoever asked has gone, or nobody waits for the rest. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends all that is under way for it. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason instanceof ApiError ? reason : clientGone());
  }

  /** Nothing is under way for it any more. */
  leave(): void {
    this.#listening.abort();
  }

  /** Since it entered. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** Runs `job` in a slot, once it is this request's turn; rejects with the signal's reason where that comes first. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    await this.#queue.take(this);
    try {
      return await job();
    } finally {
      this.#queue.give();
    }
  }

  /** The same for what comes piece by piece; the slot is held until the end. */
  async *stream<T, R>(job: () => AsyncGenerator<T, R>): AsyncGenerator<T, R> {
    await this.#queue.take(this);
    try {
      return yield* job();
    } finally {
      this.#queue.give();
    }
  }
}

export class Queue {
  readonly #maxWaiting: number;
  /** Those whose turn it is not yet, in the order in which requests get one. */
  readonly #waiting = new Map<Ticket, PromiseWithResolvers<void>[]>();
  readonly #tickets = new Set<Ticket>();
  #slots = 0;
  #busy = 0;

  /** `maxWaiting`: requests that nothing was done for yet. */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** Slots there are; none before the model is loaded. */
  get slots(): number {
    return this.#slots;
  }

  set slots(count: number) {
    this.#slots = count;
    this.#serve();
  }

  /** Slots in use. */
  get busy(): number {
    return this.#busy;
  }

  /** Requests that nothing was done for yet. */
  get waiting(): number {
    let count = 0;
    for (const { hasBegun } of this.#tickets) if (!hasBegun) count++;
    return count;
  }

  get isFull(): boolean {
    return this.#busy >= this.#slots && this.waiting >= this.#maxWaiting;
  }

  /** A request's place, until it leaves. */
  enter(...signals: readonly AbortSignal[]): Ticket {
    const ticket = new Ticket(this, signals);
    this.#tickets.add(ticket);
    return ticket;
  }

  leave(ticket: Ticket): void {
    ticket.leave();
    this.#tickets.delete(ticket);
  }

  /** Resolves when it is the ticket's turn to use a slot, which it then gives back. */
  async take(ticket: Ticket): Promise<void> {
    const { signal } = ticket;
    signal.throwIfAborted();
    const turn = Promise.withResolvers<void>();
    const abort = () => {
      if (this.#forget(ticket, turn)) turn.reject(signal.reason); // otherwise it has just come, and is given back
    };
    const waiters = this.#waiting.get(ticket);
    if (waiters) waiters.push(turn);
    else this.#waiting.set(ticket, [turn]);
    signal.addEventListener('abort', abort, { once: true });
    this.#serve();
    await turn.promise.finally(() => signal.removeEventListener('abort', abort));
  }

  give(): void {
    this.#busy--;
    this.#serve();
  }

  /** Free slots go to the requests in turn: one with a thousand prompts does not keep out the others. */
  #serve(): void {
    while (this.#busy < this.#slots) {
      const next = this.#waiting.entries().next().value;
      if (!next) return;
      const [ticket, waiters] = next;
      const first = waiters.shift() as PromiseWithResolvers<void>;
      this.#waiting.delete(ticket);
      if (waiters.length > 0) this.#waiting.set(ticket, waiters); // behind the others
      this.#busy++;
      ticket.hasBegun = true;
      first.resolve();
    }
  }

  /** Whether it was still waiting. */
  #forget(ticket: Ticket, turn: PromiseWithResolvers<void>): boolean {
    const waiters = this.#waiting.get(ticket) ?? [];
    const place = waiters.indexOf(turn);
    if (place < 0) return false;
    waiters.splice(place, 1);
    if (waiters.length === 0) this.#waiting.delete(ticket);
    return true;
  }
}
