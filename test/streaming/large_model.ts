import { rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { node } from '../homes/command.ts';

/** A random model of bench/synth's, in the system's folder for temporary files; WEBGGUF_KEEP=1 leaves it there for the next run. */
export async function largeModel(name: string, ...args: string[]): Promise<{ path: string } & AsyncDisposable> {
  const path = join(tmpdir(), `webgguf-${name}.gguf`);
  const isThere = await stat(path).catch(() => undefined);
  if (!isThere) await node('bench/synth.ts', ...args, path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (!process.env.WEBGGUF_KEEP) await rm(path, { force: true });
    },
  };
}
