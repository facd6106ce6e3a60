import { rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { GgufError } from '../gguf/errors.ts';
import type { ByteSink } from '../gguf/writer.ts';
import { fileSink } from './node_file.ts';

/** A file that takes its name when it is complete: before, nothing is changed under the name. */
export interface UnpublishedFile extends ByteSink {
  /** No more is written. */
  finish(): Promise<void>;
  /** Gives the finished file its name, in place of a file that has it. */
  publish(): Promise<void>;
  /** Removes it, written or half written; after `publish` this does nothing. */
  discard(): Promise<void>;
}

/** Writes beside `path`, in the same folder; what is not published is removed when the process exits. */
export async function createUnpublishedFile(path: string): Promise<UnpublishedFile> {
  const temporaryPath = `${path}.${process.pid}.part`;
  const file = await openNew(temporaryPath, path);
  const removeAtExit = () => rmSync(temporaryPath, { force: true });
  process.once('exit', removeAtExit);
  const sink = fileSink(file);
  let isOpen = true;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    ...sink,
    async finish() {
      await sink.finish();
      await close();
    },
    async publish() {
      await rename(temporaryPath, path);
      process.off('exit', removeAtExit);
    },
    async discard() {
      await close();
      await rm(temporaryPath, { force: true });
      process.off('exit', removeAtExit);
    },
  };
}

async function openNew(temporaryPath: string, path: string): Promise<FileHandle> {
  try {
    return await open(temporaryPath, 'wx');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'there is no such folder' : code === 'EACCES' ? 'the folder may not be written to' : message;
    throw new GgufError(path, `can't be written: ${reason}`, { cause: error });
  }
}
