import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { shapeNamed } from './shapes.ts';
import { writeModel } from './synth.ts';

/** The random model of a shape, in .cache/bench; written when it is first asked for. */
export async function cachedModel(shapeName: string): Promise<string> {
  const shape = shapeNamed(shapeName);
  const folder = fileURLToPath(new URL('../.cache/bench', import.meta.url));
  const id = createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 8);
  const path = `${folder}/${shapeName}-${id}.gguf`;
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  await writeModel(shape, shapeName, path);
  return path;
}
