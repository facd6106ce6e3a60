import { Worker } from 'node:worker_threads';
import type { ConvertReply, ConvertRequest } from './convert_worker.ts';

/** Sources run as .ts, the published package as .js. */
const workerUrl = new URL(`./convert_worker${import.meta.url.slice(-3)}`, import.meta.url);

/** `convert` on threads of its own, in turns. */
export class ConvertPool {
  readonly #threads: readonly ConvertThread[];
  readonly #bufferBytes: number;
  /** They go round: left to the garbage collectors of the threads, they would pile up. */
  readonly #buffers: ArrayBuffer[] = [];
  #next = 0;

  constructor(threadCount: number, bufferBytes: number) {
    this.#threads = Array.from({ length: threadCount }, () => new ConvertThread());
    this.#bufferBytes = bufferBytes;
  }

  /** Bytes for a request, at most `bufferBytes`. */
  takeBuffer(byteLength: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffers.pop() ?? new ArrayBuffer(this.#bufferBytes), 0, byteLength);
  }

  /** Takes `request.bytes`, of `takeBuffer`, away from the caller. */
  async convert(request: ConvertRequest): Promise<ConvertReply['converted']> {
    const thread = this.#threads[this.#next++ % this.#threads.length]!;
    const { converted, bytes } = await thread.convert(request);
    this.#buffers.push(bytes.buffer);
    return converted;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

class ConvertThread {
  readonly #worker = new Worker(workerUrl);
  /** In the order of the requests, and so of the replies. */
  readonly #waiting: PromiseWithResolvers<ConvertReply>[] = [];

  constructor() {
    this.#worker.on('message', (reply: ConvertReply) => this.#waiting.shift()!.resolve(reply));
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  convert(request: ConvertRequest): Promise<ConvertReply> {
    const reply = Promise.withResolvers<ConvertReply>();
    this.#waiting.push(reply);
    this.#worker.postMessage(request, [request.bytes.buffer]);
    return reply.promise;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
