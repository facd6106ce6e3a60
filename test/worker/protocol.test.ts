/** The two sides of the protocol in one process, and a model of words instead of weights behind them. */
import { expect, test, vi } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import * as webgguf from '../../src/index.ts';
import { load, WorkerError } from '../../src/worker/index.ts';
import type { Port, Reply, Request } from '../../src/worker/protocol.ts';
import { serve } from '../../src/worker/serve.ts';

vi.stubGlobal('document', { baseURI: 'https://host/folder/page.html' });
const { GgufError, OutOfMemoryError } = webgguf;
const info = { name: 'words' } as webgguf.ModelInfo;
const result = { stopReason: 'length' } as webgguf.GenerateResult;

/** What the model in the worker was asked for, and how it was left. */
class Log {
  readonly lines: string[] = [];
  readonly sources: unknown[] = [];
}

/** Says `maxTokens` words, or goes on until it is aborted. */
function wordModel({ lines }: Log): webgguf.LLM {
  async function* generate(
    prompt: unknown,
    { maxTokens = Number.POSITIVE_INFINITY, signal }: webgguf.GenerateOptions = {},
  ) {
    lines.push(`generate ${JSON.stringify(prompt)}`);
    try {
      for (let id = 0; id < maxTokens; id++) {
        if (signal?.aborted) return { ...result, stopReason: 'abort' as const };
        yield { id, text: `word${id} ` };
        await new Promise((resolve) => setTimeout(resolve));
      }
      return result;
    } finally {
      lines.push('ended');
    }
  }
  return {
    info,
    tokenizer: { vocabLength: 3, encode: (text) => [text.length], decode: (tokens) => tokens.join(' ') },
    generate,
    chat: (messages, options) => generate(messages[0]?.content, options),
    chatTokens() {
      throw new webgguf.ChatTemplateError('the file has no template');
    },
    logits: async (tokens) => (tokens.length ? Float32Array.from(tokens) : new Promise(() => {})),
    embed: async (input, options) => Float32Array.of(input.length, options?.normalize ? 1 : 0),
    async *logitRows(tokens, signal) {
      for (const token of tokens) {
        signal?.throwIfAborted();
        yield Float32Array.of(token);
      }
    },
    async [Symbol.asyncDispose]() {
      lines.push('disposed');
    },
  };
}

class FakeWorker {
  readonly #channel = new MessageChannel();
  readonly terminate = vi.fn(() => this.#channel.port1.close());
  onerror: ((event: ErrorEvent) => void) | null = null;

  constructor(loadModel: (source: unknown, options: webgguf.LoadOptions) => Promise<webgguf.LLM>) {
    serve(this.#channel.port2 as unknown as Port<Reply, Request>, loadModel);
  }
  postMessage(message: unknown, transfer: Transferable[]) {
    this.#channel.port1.postMessage(message, transfer);
  }
  set onmessage(listener: (event: MessageEvent) => void) {
    this.#channel.port1.onmessage = listener;
  }
}

async function loadWords(log = new Log()) {
  const fake = new FakeWorker(async (source) => {
    log.sources.push(source);
    return wordModel(log);
  });
  const llm = await load('x.gguf', { worker: () => fake as unknown as Worker });
  return { llm, fake, lines: log.lines };
}

/** A load whose worker fails, or does not end. */
function loadWith(work: (options: webgguf.LoadOptions) => Promise<webgguf.LLM>, options: object = {}) {
  const fake = new FakeWorker((_, given) => work(given));
  return { fake, llm: load('x.gguf', { ...options, worker: () => fake as unknown as Worker }) };
}

test('calls are answered, and the answer to each is its own', async () => {
  const { llm } = await loadWords();
  expect(llm.info).toEqual(info);
  expect(llm.tokenizer.vocabLength).toBe(3);
  expect(await Promise.all([llm.tokenizer.encode('four'), llm.tokenizer.decode([1, 2]), llm.logits([5, 6])])).toEqual([
    [4],
    '1 2',
    Float32Array.of(5, 6),
  ]);
  expect(await llm.embed('five!', { normalize: true })).toEqual(Float32Array.of(5, 1));
  expect(await Array.fromAsync(llm.logitRows([7, 8]))).toEqual([Float32Array.of(7), Float32Array.of(8)]);
});

test('a stream brings its tokens, and then its result', async () => {
  const { llm, lines } = await loadWords();
  const stream = llm.chat([{ role: 'user', content: 'say two' }], { maxTokens: 2 });
  expect(lines).toEqual([]);
  const steps = [await stream.next(), await stream.next(), await stream.next(), await stream.next()];
  expect(steps.map(({ value }) => value)).toEqual([
    { id: 0, text: 'word0 ' },
    { id: 1, text: 'word1 ' },
    result,
    undefined,
  ]);
  expect(lines).toEqual(['generate "say two"', 'ended']);
});

test('a loop that is left ends the stream before it goes on', async () => {
  const { llm, lines } = await loadWords();
  for await (const { id } of llm.generate('on')) if (id === 2) break;
  expect(lines.at(-1)).toBe('ended');
});

test('a signal ends a stream in its way, and a call with its own reason', async () => {
  const { llm } = await loadWords();
  const controller = new AbortController();
  const stream = llm.generate('on', { signal: controller.signal });
  await stream.next();
  controller.abort();
  expect(await stream.next()).toEqual({ done: true, value: { ...result, stopReason: 'abort' } });
  const before = llm.generate('on', { signal: AbortSignal.abort() });
  expect((await before.next()).done).toBe(true);

  const reason = new Error('enough');
  await expect(llm.logitRows([1], AbortSignal.abort(reason)).next()).rejects.toBe(reason);
});

test('callbacks are called in the page, and an abort during load closes the worker', async () => {
  const reason = new Error('cancelled');
  const controller = new AbortController();
  const seen: unknown[] = [];
  const { llm, fake } = loadWith(
    async ({ onProgress, onWarning, signal }) => {
      onProgress!({ stage: 'weights', doneBytes: 1, totalBytes: 2 });
      onWarning!('a doubt');
      return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));
    },
    {
      signal: controller.signal,
      onProgress: (progress: unknown) => seen.push(progress),
      onWarning(message: string) {
        seen.push(message);
        controller.abort(reason);
      },
    },
  );
  await expect(llm).rejects.toBe(reason);
  expect(seen).toEqual([{ stage: 'weights', doneBytes: 1, totalBytes: 2 }, 'a doubt']);
  expect(fake.terminate).toHaveBeenCalledOnce();
});

test('a loaded model is heard when it warns later on', async () => {
  const warnings: string[] = [];
  let warn: ((message: string) => void) | undefined;
  const worker = new FakeWorker(async (_, { onWarning }) => {
    warn = onWarning;
    return wordModel(new Log());
  });
  const llm = await load('x.gguf', {
    worker: () => worker as unknown as Worker,
    onWarning: (text) => warnings.push(text),
  });
  warn!('the device was lost');
  await llm.tokenizer.encode('answers come in order');
  expect(warnings).toEqual(['the device was lost']);
  await llm[Symbol.asyncDispose]();
});

test('what a callback throws is what the call rejects with', async () => {
  const error = new Error('no more');
  const onWarning = () => {
    throw error;
  };
  const { llm, fake } = loadWith(
    async (options) => {
      options.onWarning!('a doubt');
      return new Promise(() => {});
    },
    { onWarning },
  );
  await expect(llm).rejects.toBe(error);
  expect(fake.terminate).toHaveBeenCalledOnce();
});

test.each<[Error, abstract new (...args: never[]) => Error]>([
  [new GgufError('x.gguf', 'is cut'), GgufError],
  [new OutOfMemoryError('no room'), webgguf.GpuError],
  [new webgguf.DeviceLostError('gone'), webgguf.DeviceLostError],
  [new webgguf.ConfigError('no'), webgguf.ConfigError],
  [new RangeError('topP'), RangeError],
  [new DOMException('timed out', 'TimeoutError'), DOMException],
  [Object.assign(new Error('odd'), { name: 'OddError' }), Error],
])('%s crosses as it is', async (error, Class) => {
  const { llm, fake } = loadWith(() => Promise.reject(error));
  const got = await llm.catch((caught: Error) => caught);
  expect(got).toBeInstanceOf(Class);
  expect(String(got)).toBe(String(error));
  expect(fake.terminate).toHaveBeenCalledOnce();
});

test('every error class of ours can cross', async () => {
  for (const [name, Class] of Object.entries(webgguf).filter(([name]) => name.endsWith('Error'))) {
    const error = Object.create((Class as { prototype: Error }).prototype, { name: { value: name } });
    await expect(loadWith(() => Promise.reject(error)).llm).rejects.toBeInstanceOf(Class);
  }
});

test('a failed call leaves the model as it was', async () => {
  const { llm } = await loadWords();
  await expect(llm.chatTokens([])).rejects.toBeInstanceOf(webgguf.ChatTemplateError);
  await expect(llm.chatTokens([], { templateVariables: { f: () => 1 } })).rejects.toThrow('could not be cloned');
  expect(await llm.tokenizer.encode('abc')).toEqual([3]);
});

test('closing the model ends the worker, and whatever is open', async () => {
  const { llm, fake, lines } = await loadWords();
  const stream = llm.generate('on');
  await stream.next();
  const open = expect(llm.logits([])).rejects.toThrow('the model is closed');
  await llm[Symbol.asyncDispose]();
  await llm[Symbol.asyncDispose]();
  await open;
  expect(lines.at(-1)).toBe('disposed');
  expect(fake.terminate).toHaveBeenCalledOnce();
  await expect(llm.logits([1])).rejects.toThrow('the model is closed');
  await expect(llm.generate('on').next()).rejects.toThrow('the model is closed');
  await stream.return(result); // leaving a loop is no error
});

test('a worker that dies rejects what is open, in one line', async () => {
  const { llm, fake } = await loadWords();
  const open = expect(llm.logits([])).rejects.toEqual(new WorkerError('the worker stopped: out of memory'));
  fake.onerror!({ message: 'out of memory' } as ErrorEvent);
  await open;
  await expect(llm.logits([1])).rejects.toBeInstanceOf(WorkerError);
  await llm[Symbol.asyncDispose]();

  const unborn = loadWith(() => new Promise(() => {}));
  unborn.fake.onerror!({} as ErrorEvent);
  await expect(unborn.llm).rejects.toEqual(new WorkerError('the worker’s script did not load'));
});

test('sources cross by name, as files or as a copy of their bytes', async () => {
  const log = new Log();
  const worker = () =>
    new FakeWorker(async (source) => {
      log.sources.push(source);
      return wordModel(log);
    }) as unknown as Worker;
  const bytes = new Uint8Array(1000).subarray(2, 5).fill(7);
  await load('x.gguf', { worker });
  await load(new URL('https://other/x.gguf'), { worker });
  await load('hf:owner/repo/é.gguf', { worker });
  await load(bytes, { worker });
  expect(log.sources).toEqual([
    'https://host/folder/x.gguf',
    'https://other/x.gguf',
    'hf:owner/repo/é.gguf',
    Uint8Array.of(7, 7, 7),
  ]);
  expect((log.sources[3] as Uint8Array).buffer.byteLength).toBe(3);
  expect(bytes).toHaveLength(3);

  await expect(load(bytesSource(bytes, 'mine'), { worker })).rejects.toThrow("a ByteSource can't be posted");
  await expect(load('x.gguf', { worker, device: {} as never })).rejects.toThrow("a device can't be posted");
  await expect(load(bytes, { worker, signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
});
