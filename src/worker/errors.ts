/** Errors to and fro: an error of the worker is of the same class in the page. */
import {
  ChatTemplateError,
  ConfigError,
  ContextFullError,
  DeviceLostError,
  GgufError,
  GpuError,
  GrammarError,
  MemoryError,
  OutOfMemoryError,
  SequenceBusyError,
  SnapshotError,
  StorageBusyError,
  StorageFullError,
  TokenizerError,
  WeightsError,
} from '../index.ts';
import type { PostedError } from './protocol.ts';

/** The worker did not start, or stopped; the model is gone with it. */
export class WorkerError extends Error {
  override name = 'WorkerError';
}

/** By the names that the errors bear: a bundler may rename the classes. */
const classes: Readonly<Record<string, { readonly prototype: Error }>> = {
  ChatTemplateError,
  ConfigError,
  ContextFullError,
  DeviceLostError,
  GgufError,
  GpuError,
  GrammarError,
  MemoryError,
  OutOfMemoryError,
  RangeError,
  SequenceBusyError,
  SnapshotError,
  StorageBusyError,
  StorageFullError,
  SyntaxError,
  TokenizerError,
  TypeError,
  WeightsError,
};

export function postedError(error: unknown): PostedError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, message, isDomException: error instanceof DOMException };
}

export function revivedError({ name, message, isDomException }: PostedError): Error {
  if (isDomException) return new DOMException(message, name);
  const error = new Error(message);
  Object.setPrototypeOf(error, (classes[name] ?? Error).prototype); // constructors compose messages, this one is done
  return error.name === name ? error : Object.assign(error, { name });
}
