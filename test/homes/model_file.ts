import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RandomModelOptions } from '../../src/models/random_model.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';

/** A random model named `model.gguf` in a folder of its own, which goes with it. */
export async function writeModel(
  options: RandomModelOptions = {},
): Promise<{ folder: string; path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-'));
  const path = join(folder, 'model.gguf');
  await writeFile(path, await randomGgufBytes({ ...fixtures.alia, ...options }));
  return { folder, path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
