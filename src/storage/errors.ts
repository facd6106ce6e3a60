import { GgufError } from '../gguf/errors.ts';

/** The browser has no room for a file, or gives none to this origin. Nothing half-written is used later. */
export class StorageFullError extends GgufError {
  override name = 'StorageFullError';

  constructor(where: string, what: string, options?: ErrorOptions) {
    super(where, `${what}; make room on the disk or delete stored models`, options);
  }
}

/** A stored file is in use where it must not be. */
export class StorageBusyError extends GgufError {
  override name = 'StorageBusyError';
}
