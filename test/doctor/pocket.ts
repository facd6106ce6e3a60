import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Golden } from '../../src/doctor/golden.ts';

const models = join(import.meta.dirname, '../../models');

/** The built-in model, and what was recorded of it. */
export async function readPocket(): Promise<{ bytes: Uint8Array<ArrayBuffer>; golden: Golden }> {
  const golden = JSON.parse(await readFile(join(models, 'pocket.golden.json'), 'utf8'));
  return { bytes: await readFile(join(models, 'pocket-q8_0.gguf')), golden };
}
