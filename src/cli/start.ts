/** `npm start`: generates at once, from a small random model unless another is named with `-- -m MODEL`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ggmlType } from '../gguf/ggml_types.ts';
import { encodeGguf } from '../gguf/writer.ts';
import { randomModel } from '../models/random_model.ts';
import { run } from './generate.ts';

const args = process.argv.slice(2);
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('interrupted')));

const namesModel = args.some((arg) => /^(-m|--model)/.test(arg));
process.exitCode = namesModel ? await run(args, controller.signal) : await withRandomModel();

async function withRandomModel(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-'));
  try {
    const path = join(folder, 'random.gguf');
    const { metadata, tensors } = randomModel();
    const specs = tensors.map(({ typeName, ...tensor }) => ({ ...tensor, type: ggmlType(typeName) }));
    await writeFile(path, await encodeGguf(metadata, specs));
    console.error('No model was named, so this is a small one with random weights: its text means nothing.');
    console.error('For a real one: npm start -- -m MODEL.gguf -p "Once upon a time"\n');
    return await run(['-m', path, '-p', 'Once upon a time', '-n', '48', ...args], controller.signal);
  } finally {
    await rm(folder, { recursive: true });
  }
}
