/**
 * A model in a dedicated worker, so that the page stays free: files, GPU and model live there.
 *
 * @module webgguf/worker
 */
import type { LLM, LoadOptions } from '../index.ts';
import type { Source } from '../runtime/model_source.ts';
import { Connection } from './connection.ts';
import { postedSource } from './posted_source.ts';
import { WorkerLLM } from './worker_llm.ts';

export { removeStored, type StoredModel, storedModels } from '../runtime/browser_storage.ts';
export { WorkerError } from './errors.ts';

/** `LoadOptions`, of which a device can't be posted. */
export interface WorkerLoadOptions extends Omit<LoadOptions, 'device'> {
  /** A device can't be posted: the worker opens its own, as `deviceOptions` say. */
  device?: never;
  /**
   * Makes the worker, from the script `webgguf/worker/main`. Default: the file beside this module, which bundlers find
   * by themselves; Vite before 8 does so in development with `optimizeDeps: { exclude: ['webgguf'] }`.
   */
  worker?: () => Worker;
}

/**
 * Loads a model in a worker of its own: an URL, absolute or relative to the page, `hf:OWNER/REPO/FILE.gguf`, or the
 * first file of a split; a File that a person chose, or all files of a split; the handle of a stored file, which the worker
 * reads straight into the GPU's memory; bytes, which are copied. The page needs
 * no isolation (COOP, COEP). Closing the model ends the worker.
 *
 * Errors are those of `load` in the page; besides, `WorkerError` where the worker does not start or dies, and
 * `TypeError` for a source or device that can't be posted.
 *
 * @example
 * const llm = await load(input.files[0], { onProgress: ({ doneBytes }) => (progress.value = doneBytes) });
 * for await (const { text } of llm.chat([{ role: 'user', content: 'Hello' }])) output.append(text);
 */
export async function load(source: Source, options: WorkerLoadOptions = {}): Promise<LLM> {
  const { worker = startWorker, device, draft, ...rest } = options;
  if (device) throw new TypeError("a device can't be posted to a worker; it opens its own, see deviceOptions");
  const [posted, transfer] = postedSource(source);
  const [postedDraft, draftTransfer] = draft === undefined ? [undefined, []] : postedSource(draft);
  const all = { ...rest, ...(postedDraft !== undefined && { draft: postedDraft }) };
  rest.signal?.throwIfAborted();
  const connection = new Connection(worker());
  try {
    return new WorkerLLM(connection, await connection.call('load', posted, all, [...transfer, ...draftTransfer]));
  } catch (error) {
    connection.close(new Error('the model did not load'));
    throw error;
  }
}

/** Bundlers know this form, and this form alone. */
function startWorker(): Worker {
  return new Worker(new URL('./main.js', import.meta.url), { type: 'module' });
}
