/** What a header says is refused by name before a GPU is asked for anything. */
import { expect, test } from 'vitest';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import type { Gguf, TensorInfo } from '../../src/gguf/gguf.ts';
import { readHeader } from '../../src/models/load.ts';
import { fixtures, randomGguf } from '../fixtures/random_gguf.ts';

/** The small ALIA with one tensor changed, or taken away. */
async function withTensor(name: string, change: Partial<TensorInfo> | undefined): Promise<Gguf> {
  const gguf = await randomGguf(fixtures.alia);
  const tensors = new Map(gguf.tensors);
  if (change) tensors.set(name, { ...(tensors.get(name) as TensorInfo), ...change });
  else tensors.delete(name);
  return { ...gguf, tensors };
}

test('every fixture is accepted', async () => {
  for (const [name, options] of Object.entries(fixtures)) {
    expect(readHeader(await randomGguf(options)).config.architecture, name).toBe('llama');
  }
});

test.each([
  [
    'a type that no kernel reads',
    { type: ggmlType('Q4_0') },
    /blk\.1\.ffn_up\.weight is of type Q4_0, which no kernel reads/,
  ],
  [
    'another shape than the metadata says',
    { dimensions: [256, 100] },
    /blk\.1\.ffn_up\.weight is 256 × 100; the metadata says 256 × 256/,
  ],
  ['a missing tensor', undefined, /tensor blk\.1\.ffn_up\.weight is missing/],
] as const)('%s is named', async (_, change, message) => {
  const gguf = await withTensor('blk.1.ffn_up.weight', change);
  expect(() => readHeader(gguf)).toThrow(message);
});

test.each([
  [{ embeddingLength: 60, headCount: 10, headCountKv: 5, typeName: 'F16' }, /heads of 6 values are not supported/],
  [{ headCount: 2, headCountKv: 1, keyLength: 320 }, /heads of 320 values are not supported.* up to 256/],
])('heads that attention cannot hold: %j', async (options, message) => {
  const gguf = await randomGguf({ embeddingLength: 64, feedForwardLength: 64, vocabLength: 331, ...options });
  expect(() => readHeader(gguf)).toThrow(message);
});
