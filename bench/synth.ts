/** Random models of any shape, as fast as the disk takes them; every engine loads them. */
import { parseArgs } from 'node:util';
import { ggmlType } from '../src/gguf/ggml_types.ts';
import { writeGguf } from '../src/gguf/writer.ts';
import { randomModel } from '../src/models/random_model.ts';
import { createFile } from '../src/runtime/node_file.ts';
import { type Shape, shapeNamed, shapes } from './shapes.ts';

const usage = `usage: node bench/synth.ts [--shape NAME] [numbers] OUT.gguf

A random model: ${Object.keys(shapes).join(', ')} (default 57M), or that with other numbers:

  --layers --embedding --feed-forward --heads --kv-heads --head-length --vocab --context N
  --type TYPE   of all matrices: Q8_0 (default), F16, BF16, F32
  --tied        the embeddings are the output matrix too
  --rope-freqs  with rope_freqs.weight: llama3 scaling by 8`;

/** Of a type and deviation, of which a model has about seven: written in halves, from anywhere in them. */
const poolBytes = 16 * 2 ** 20;

/** Writes the file, the same bytes for the same shape and name; resolves to its size in bytes. */
export async function writeModel(shape: Shape, name: string, path: string): Promise<number> {
  const { metadata, tensors } = randomModel({ ...shape, name: `random ${name}`, poolBytes });
  const file = await createFile(path);
  const typed = tensors.map(({ typeName, ...tensor }) => ({ ...tensor, type: ggmlType(typeName) }));
  const { byteLength } = await writeGguf(file, metadata, typed);
  await file.finish();
  return byteLength;
}

const numbers = {
  layers: 'blockCount',
  embedding: 'embeddingLength',
  'feed-forward': 'feedForwardLength',
  heads: 'headCount',
  'kv-heads': 'headCountKv',
  'head-length': 'keyLength',
  vocab: 'vocabLength',
  context: 'contextLength',
} as const satisfies Record<string, keyof Shape>;

/** Shape, name and path as the arguments say. */
export function parseSynth(args: string[]): { shape: Shape; name: string; path: string } {
  const count = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      shape: { type: 'string', default: '57M' },
      type: { type: 'string' },
      tied: { type: 'boolean' },
      'rope-freqs': { type: 'boolean' },
      ...(Object.fromEntries(Object.keys(numbers).map((name) => [name, count])) as Record<
        keyof typeof numbers,
        typeof count
      >),
    },
  });
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new Error(usage);
  const given = Object.entries(numbers).flatMap(([name, key]) => {
    const text = values[name as keyof typeof numbers];
    if (text === undefined) return [];
    if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} takes a number of at least 1, not "${text}"`);
    return [[key, Number(text)] as const];
  });
  const shape = {
    ...shapeNamed(values.shape),
    ...Object.fromEntries(given),
    ...(values.type && { typeName: values.type }),
    ...(values.tied && { tiedOutput: true }),
    ...(values['rope-freqs'] && { ropeFreqs: true }),
  };
  return { shape, name: [values.shape, ...given.map(([key, value]) => `${key} ${value}`)].join(', '), path };
}

if (import.meta.main) {
  try {
    const { shape, name, path } = parseSynth(process.argv.slice(2));
    const start = performance.now();
    const byteLength = await writeModel(shape, name, path);
    const seconds = (performance.now() - start) / 1000;
    const [size, rate] = [byteLength, byteLength / seconds].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
    console.error(`${path}: ${size} in ${seconds.toFixed(1)} s, ${rate}/s`);
  } catch (error) {
    console.error(`synth: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
