import { unavailable } from './errors.ts';
import { type Log, noLog } from './log.ts';
import { Metrics } from './metrics.ts';
import type { ServedModel } from './model.ts';
import { Queue, type Ticket } from './queue.ts';
import { ScoreMemory } from './score_memory.ts';
import type { SlotStore } from './slots.ts';

export interface ServerOptions {
  /** What the model is called in /v1/models. Default: its file's `general.name`. */
  modelName?: string;
  /** Whether another model's name in a request is an error. Default: any is taken, and given back. */
  strictModel?: boolean;
  /** One of these must come with each request but /health. Default: none is asked for. */
  apiKeys?: readonly string[];
  /** Origins whose pages may ask, or `*`. Default: none. */
  corsOrigins?: readonly string[];
  /** Requests that may wait before the next are sent away with 503. Default 256. */
  queueLength?: number;
  /** Bytes of a request's body, at most. Default 16 MiB. */
  maxBodyBytes?: number;
  /** A comment goes to a stream's reader where nothing else went for so long. Default: two passes, 1 to 10 seconds. */
  keepAliveSeconds?: number;
  /** A stream's reader that takes nothing for so long is gone: what is generated for it ends. Default 60. */
  patienceSeconds?: number;
  /** Jinja of the model's conversations, for /tokenizer_info and /props. Default: not told. */
  chatTemplate?: string;
  /** Where sequences are saved to and restored from. Default: nowhere, and such requests are refused. */
  slotStore?: SlotStore;
  /** Where a line for each request goes. Default: nowhere. */
  log?: Log;
  /** Whether prompts and messages are among it. Default false. */
  logPrompts?: boolean;
}

type Settled = Required<Omit<ServerOptions, 'modelName' | 'chatTemplate' | 'log' | 'keepAliveSeconds' | 'slotStore'>>;

/** What all requests share: the model, once it is loaded, and who may use it when. */
export class Service {
  readonly settings: Settled;
  readonly queue: Queue;
  readonly metrics: Metrics;
  readonly scores = new ScoreMemory();
  readonly log: Log;
  readonly chatTemplate: string | undefined;
  readonly slotStore: SlotStore | undefined;
  /** Of the model's loading, 0 to 1. */
  progress = 0;
  readonly createdSeconds = Math.floor(Date.now() / 1000);
  readonly #modelName: string | undefined;
  readonly #keepAliveSeconds: number | undefined;
  readonly #stopping = new AbortController();
  readonly #tickets = new Set<Ticket>();
  #model: ServedModel | undefined;
  #idle = Promise.withResolvers<void>();
  #isClosing = false;

  constructor({ modelName, chatTemplate, log = noLog, keepAliveSeconds, slotStore, ...options }: ServerOptions = {}) {
    this.settings = {
      strictModel: false,
      apiKeys: [],
      corsOrigins: [],
      queueLength: 256,
      maxBodyBytes: 16 * 2 ** 20,
      patienceSeconds: 60,
      logPrompts: false,
      ...options,
    };
    this.#modelName = modelName;
    this.#keepAliveSeconds = keepAliveSeconds;
    this.chatTemplate = chatTemplate;
    this.slotStore = slotStore;
    this.log = log;
    this.queue = new Queue(this.settings.queueLength);
    this.metrics = new Metrics(this.queue, () => this.#model);
  }

  /** The model is loaded: from now on it answers. */
  ready(model: ServedModel): void {
    this.#model = model;
    this.queue.slots = model.info.sequences;
  }

  get isReady(): boolean {
    return this.#model !== undefined && !this.#isClosing;
  }

  /** Seconds of a pass, as measured; 0 where nothing is known. */
  get passSeconds(): number {
    return this.#model?.load?.passSeconds ?? 0;
  }

  /** After so long without a word a stream's reader is told that all is well. */
  get keepAliveSeconds(): number {
    const { least, most, passes } = keepAlive;
    return this.#keepAliveSeconds ?? Math.min(most, Math.max(least, passes * this.passSeconds));
  }

  /** 503 while it is loaded. */
  get model(): ServedModel {
    if (!this.#model) throw unavailable('the model is being loaded', 'model_loading', loadingRetrySeconds);
    return this.#model;
  }

  get modelName(): string {
    return this.#modelName ?? (this.model.info.name || this.model.info.architecture);
  }

  /** A request's place in the queue, which it leaves when it is answered; 503 where too many wait. */
  enter(signal: AbortSignal): Ticket {
    const { queue, metrics } = this;
    if (this.#isClosing) throw stopping();
    if (queue.isFull) {
      const seconds = (metrics.meanSeconds * queue.waiting) / Math.max(1, queue.slots);
      throw unavailable(`${queue.waiting} requests wait already`, 'queue_full', Math.min(seconds, maxRetrySeconds));
    }
    const ticket = queue.enter(signal, this.#stopping.signal);
    this.#tickets.add(ticket);
    return ticket;
  }

  leave(ticket: Ticket): void {
    this.queue.leave(ticket);
    this.#tickets.delete(ticket);
    if (this.#tickets.size === 0) this.#idle.resolve();
  }

  /**
   * Takes up nothing new, waits for what is under way, and ends what is not done after `graceSeconds`: by default 30, or
   * the time of so many passes.
   */
  async close(graceSeconds = Math.max(leastGrace, leastGrace * this.passSeconds)): Promise<void> {
    this.#isClosing = true;
    if (this.#tickets.size === 0) return;
    this.#idle = Promise.withResolvers();
    const timer = setTimeout(() => this.#stopping.abort(stopping()), graceSeconds * 1000);
    const last = setTimeout(
      this.#idle.resolve,
      (graceSeconds + Math.max(lastWordsSeconds, 2 * this.passSeconds)) * 1000,
    );
    await this.#idle.promise;
    clearTimeout(timer);
    clearTimeout(last);
  }
}

/** Seconds, and passes: proxies and clients hang up after some 30 seconds without a word. */
const keepAlive = { least: 1, most: 10, passes: 2 };
const leastGrace = 30;
const loadingRetrySeconds = 2;
const maxRetrySeconds = 60;
/** For what was told to end to do so: a pass may be under way. */
const lastWordsSeconds = 10;

function stopping() {
  return unavailable('the server is stopping', 'server_stopping', loadingRetrySeconds);
}
