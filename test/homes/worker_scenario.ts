/** What a page sees of a model in a worker; each answers as JSON. */
import { ContextFullError, GgufError, GpuError, type LoadProgress } from '../../src/index.ts';
import { load, type WorkerLoadOptions } from '../../src/worker/index.ts';

const greedy = { precision: 'exact', chunkLength: 16 } as const;

/** One model: what loading told, and what answers that are left, aborted or refused leave behind. */
export async function useWorker(url: string) {
  const progress: LoadProgress[] = [];
  const llm = await load(url, { ...greedy, onProgress: (some) => progress.push(some) });
  const ids = async (maxTokens: number) =>
    (await Array.fromAsync(llm.generate('Once', { maxTokens, temperature: 0 }))).map(({ id }) => id);
  const expected = await ids(4);

  for await (const _ of llm.generate('Once')) break;
  const afterBreak = await ids(4);

  const controller = new AbortController();
  const aborted = llm.generate('Once', { maxTokens: Number.POSITIVE_INFINITY, signal: controller.signal });
  await aborted.next();
  controller.abort();
  let step = await aborted.next();
  while (!step.done) step = await aborted.next();
  const afterAbort = await ids(4);

  const tooLong = await failure(llm.logits(new Array(llm.info.contextLength + 1).fill(20)));
  const outOfRange = await failure(llm.generate('Once', { topP: 2 }).next());
  const rows = await llm.logits([20, 21]);
  const open = failure(llm.generate('Once', { maxTokens: Number.POSITIVE_INFINITY }).next());
  await llm[Symbol.asyncDispose]();
  await open;
  return {
    progress: progress.at(-1),
    expected,
    afterBreak,
    afterAbort,
    stopReason: step.value.stopReason,
    tooLong: tooLong instanceof ContextFullError,
    outOfRange: outOfRange instanceof RangeError && outOfRange.message,
    rows: rows.length / llm.tokenizer.vocabLength,
    afterClose: (await failure(llm.logits([20])))?.message,
  };
}

/** A stored file, streamed through a GPU that holds little of it: by a synchronous handle in the worker. */
export async function streamStored(url: string, gpuMemoryBytes: number) {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle('model.gguf', { create: true });
  await (await fetch(url)).body?.pipeTo(await handle.createWritable());
  const llm = await load(handle, { ...greedy, contextLength: 512, gpuMemoryBytes });
  const tokens = await Array.fromAsync(llm.generate('Once', { maxTokens: 4, temperature: 0 }));
  await llm[Symbol.asyncDispose]();
  return { ids: tokens.map(({ id }) => id), streamedLayers: llm.info.streamedLayers };
}

/** A load that does not come to its end, as `Class: message`. */
export async function failToLoad(url: string) {
  const missing = await failure(load('/nowhere.gguf'));
  const adapter = await failure(load(url, { deviceOptions: { adapter: 'nvidia' } }));
  const bytes = await failure(load(new Uint8Array(100)));
  const controller = new AbortController();
  const cancel: WorkerLoadOptions = { signal: controller.signal, onProgress: () => controller.abort() };
  const cancelled = await failure(load(url, cancel));
  const notAWorker = await failure(load(url, { worker: () => new Worker('/nowhere.js', { type: 'module' }) }));
  return {
    missing: missing instanceof GgufError && missing.message,
    adapter: adapter instanceof GpuError && adapter.message,
    bytes: bytes instanceof GgufError && bytes.message,
    cancelled: cancelled === controller.signal.reason,
    notAWorker: String(notAWorker),
  };
}

async function failure(call: Promise<unknown>): Promise<Error | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
