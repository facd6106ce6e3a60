import { ggmlType } from '../src/gguf/ggml_types.ts';
import { type ByteSource, requireRange } from '../src/gguf/source.ts';
import { layoutGguf } from '../src/gguf/writer.ts';
import { type RandomTensor, randomModel } from '../src/models/random_model.ts';
import type { Shape } from './shapes.ts';

/** Of each kind of tensor, after which its bytes repeat: whole blocks of every type. */
const poolBytes = 17 * 2 ** 20;

/** A random model of any size as a file that lies nowhere: every read makes its bytes. Layers are alike. */
export function syntheticSource(shape: Shape, name: string): ByteSource {
  const { metadata, tensors } = randomModel({ ...shape, name: `random ${name}`, poolBytes });
  const specs = tensors.map(({ typeName, ...tensor }) => ({ ...tensor, type: ggmlType(typeName) }));
  const layout = layoutGguf(metadata, specs);
  const pools = new Map<string, Uint8Array>();
  const parts = layout.tensors.map(({ offset, byteLength }, i) => {
    return { start: offset, byteLength, tensor: tensors[i] as RandomTensor };
  });
  const source: ByteSource = {
    name: `${name}.gguf`,
    byteLength: layout.byteLength,
    async read(offset, target) {
      requireRange(source, offset, target.length);
      const header = layout.header.subarray(offset, offset + target.length);
      target.set(header);
      target.fill(0, header.length); // what lies between two tensors
      for (const { start, byteLength, tensor } of parts) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + target.length, start + byteLength);
        if (from < to) repeat(poolOf(tensor, pools), from - start, target.subarray(from - offset, to - offset));
      }
    },
    async close() {},
  };
  return source;
}

/** A tensor's first bytes, the same for all layers. */
function poolOf({ name, data }: RandomTensor, pools: Map<string, Uint8Array>): Uint8Array {
  const kind = name.replace(/\d+/, '');
  const known = pools.get(kind);
  if (known) return known;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (const chunk of data()) {
    chunks.push(chunk.subarray(0, poolBytes - length));
    length += chunks.at(-1)!.length;
    if (length === poolBytes) break;
  }
  const pool = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    pool.set(chunk, at);
    at += chunk.length;
  }
  pools.set(kind, pool);
  return pool;
}

function repeat(pool: Uint8Array, from: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const some = pool.subarray((from + done) % pool.length).subarray(0, target.length - done);
    target.set(some, done);
    done += some.length;
  }
}
