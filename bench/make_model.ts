/** A random model of a named shape that every engine loads: `node bench/make_model.ts SHAPE OUT.gguf`. */
import { ggmlType } from '../src/gguf/ggml_types.ts';
import { writeGguf } from '../src/gguf/writer.ts';
import { randomModel } from '../src/models/random_model.ts';
import { createFile } from '../src/runtime/node_file.ts';
import { shapeNamed } from './shapes.ts';

/** Writes the file, the same bytes for the same shape; resolves to its size in bytes. */
export async function makeModel(shapeName: string, path: string): Promise<number> {
  const { metadata, tensors } = randomModel({ ...shapeNamed(shapeName), name: `random ${shapeName}` });
  const file = await createFile(path);
  const typed = tensors.map(({ typeName, ...tensor }) => ({ ...tensor, type: ggmlType(typeName) }));
  const { byteLength } = await writeGguf(file, metadata, typed);
  await file.finish();
  return byteLength;
}

if (import.meta.main) {
  const [shapeName, path] = process.argv.slice(2);
  try {
    if (shapeName === undefined || path === undefined)
      throw new Error('usage: node bench/make_model.ts SHAPE OUT.gguf');
    console.error(`${path}: ${((await makeModel(shapeName, path)) / 1e6).toFixed(0)} MB`);
  } catch (error) {
    console.error(`make_model: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
