/** What Prometheus reads at /metrics. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ChoiceResult } from './answers.ts';
import type { ServedModel } from './model.ts';
import type { Queue } from './queue.ts';

/** From a small model's token to a pass that streams every layer, in seconds. */
const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'route' | 'status'>;
  readonly #tokens: Counter<'kind'>;
  readonly #timeToFirstToken: Histogram;
  readonly #timePerToken: Histogram;
  readonly #streamed: Gauge;
  /** Sum and count of what a slot was held for, in seconds. */
  #held = { seconds: 0, count: 0 };

  constructor(queue: Queue, model: () => ServedModel | undefined) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: 'webgguf_requests_total',
      help: 'Requests that were answered, by route and status',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#tokens = new Counter({
      name: 'webgguf_tokens_total',
      help: 'Tokens: of prompts that were computed, of prompts that the cache held, generated',
      labelNames: ['kind'],
      registers,
    });
    this.#timeToFirstToken = new Histogram({
      name: 'webgguf_time_to_first_token_seconds',
      help: 'From the request to its first token, waiting included',
      buckets: secondsBuckets,
      registers,
    });
    this.#timePerToken = new Histogram({
      name: 'webgguf_time_per_token_seconds',
      help: 'Mean time of an answer’s tokens after the first',
      buckets: secondsBuckets,
      registers,
    });
    const gauge = (name: string, help: string, read: () => number | undefined) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          const value = read();
          if (value !== undefined) this.set(value);
        },
      });
    gauge('webgguf_requests_waiting', 'Requests that nothing was done for yet', () => queue.waiting);
    gauge('webgguf_sequences_busy', 'Sequences that are generated at present', () => queue.busy);
    gauge('webgguf_sequences', 'Sequences that can be generated at once', () => queue.slots);
    gauge('webgguf_context_length', 'Positions of all sequences together', () => model()?.info.contextLength);
    gauge('webgguf_kv_capacity_bytes', 'Memory of keys and values, at most', () => model()?.info.kvBytes);
    gauge('webgguf_kv_bytes', 'Memory of keys and values at present', () => model()?.load?.kvBytes);
    gauge('webgguf_kv_positions', 'Positions whose keys and values are held', () => model()?.load?.kvPositions);
    gauge('webgguf_pass_seconds', 'A pass through the model, of late', () => model()?.load?.passSeconds);
    new Counter({
      name: 'webgguf_streamed_bytes_total',
      help: 'Weights that came because they are not resident',
      registers,
      collect() {
        this.reset();
        this.inc(model()?.load?.streamedBytes ?? 0);
      },
    });
    this.#streamed = gauge(
      'webgguf_stream_bytes_per_second',
      'Weights that came during the last answer',
      () => undefined,
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  answered(route: string, status: number): void {
    this.#requests.inc({ route, status: String(status) });
  }

  firstToken(seconds: number): void {
    this.#timeToFirstToken.observe(seconds);
  }

  generated({ cachedTokens, prefill, decode, streaming }: ChoiceResult, tokens: number, seconds: number): void {
    if (streaming) this.#streamed.set(streaming.bytesPerSecond);
    this.computed(prefill.tokens, cachedTokens, seconds);
    this.#tokens.inc({ kind: 'generated' }, tokens);
    if (decode.tokens > 0) this.#timePerToken.observe(decode.milliseconds / decode.tokens / 1000);
  }

  /** Prompt tokens that a slot was held for. */
  computed(tokens: number, cached: number, seconds: number): void {
    this.#tokens.inc({ kind: 'prompt' }, tokens);
    this.#tokens.inc({ kind: 'prompt_cached' }, cached);
    this.#held = { seconds: this.#held.seconds + seconds, count: this.#held.count + 1 };
  }

  /** What a slot is held for on average, in seconds; 1 before anything is known. */
  get meanSeconds(): number {
    const { seconds, count } = this.#held;
    return count > 0 ? seconds / count : 1;
  }
}
