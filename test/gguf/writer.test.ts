import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import type { MetadataEntry } from '../../src/gguf/metadata.ts';
import { closeGguf, openGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import { encodeGguf, float32, type MetadataInput, type TensorData, uint32, writeGguf } from '../../src/gguf/writer.ts';
import { createFile, openFile } from '../../src/runtime/node_file.ts';

const everyType: readonly (readonly [string, MetadataEntry])[] = [
  ['a.uint8', { type: 'uint8', value: 255 }],
  ['a.int8', { type: 'int8', value: -128 }],
  ['a.uint16', { type: 'uint16', value: 65_535 }],
  ['a.int16', { type: 'int16', value: -32_768 }],
  ['a.uint32', { type: 'uint32', value: 2 ** 32 - 1 }],
  ['a.int32', { type: 'int32', value: -(2 ** 31) }],
  ['a.float32', { type: 'float32', value: Math.fround(1e-5) }],
  ['a.bool', { type: 'bool', value: true }],
  ['a.string', { type: 'string', value: '\ufeffBOM, ñ, \u0000 and 🦙' }],
  ['a.empty', { type: 'string', value: '' }],
  ['a.uint64', { type: 'uint64', value: 2n ** 64n - 1n }],
  ['a.uint64.safe', { type: 'uint64', value: 2 ** 40 }],
  ['a.int64', { type: 'int64', value: -(2n ** 63n) }],
  ['a.float64', { type: 'float64', value: Math.PI }],
  ['a.floats', { type: 'array<float32>', value: Float32Array.of(1, -0.5, Number.NaN) }],
  ['a.uint64s', { type: 'array<uint64>', value: BigUint64Array.of(1n, 2n ** 63n) }],
  ['a.no.numbers', { type: 'array<int16>', value: new Int16Array() }],
  ['a.strings', { type: 'array<string>', value: ['▁la', '', '\ufeff'] }],
  ['a.bools', { type: 'array<bool>', value: [true, false, true] }],
  [
    'a.nested',
    {
      type: 'array<array>',
      value: [Int32Array.of(1, 2), ['x'], [Uint8Array.of(7), [[false]]], Float64Array.of(Math.E)],
    },
  ],
];

test('metadata of every type comes back as it was written', async () => {
  const { metadata } = await openGguf(bytesSource(await encodeGguf(everyType)));
  expect(Array.from(metadata.entries(), ([key, { type, value }]) => [key, { type, value }])).toEqual(everyType);
});

test('an entry can be written as its file had it, invalid UTF-8 and all', async () => {
  const text = await encodeGguf([...everyType, ['a.text', 'aXb']]);
  const file = text.map((byte, i) => (byte === 0x58 && text[i - 1] === 0x61 && text[i + 1] === 0x62 ? 0xff : byte));
  const { metadata } = await openGguf(bytesSource(file));
  expect(metadata.string('a.text')).toBe('a\ufffdb');
  const raw = Array.from(metadata.entries(), ([key, entry]) => {
    const { offset, byteLength } = entry.range!;
    return [key, { ...entry, raw: file.subarray(offset, offset + byteLength) }] as const;
  });
  expect(await encodeGguf(raw)).toEqual(file);
});

test('the getters convert, fall back and name key and types', async () => {
  const { metadata } = await openGguf(bytesSource(await encodeGguf(everyType), 'x.gguf'));
  expect(metadata.number('a.uint64.safe')).toBe(2 ** 40);
  expect(metadata.number('absent', 7)).toBe(7);
  expect(metadata.boolean('a.bool')).toBe(true);
  expect(metadata.strings('a.strings')).toEqual(['▁la', '', '\ufeff']);
  expect(metadata.numbers('a.no.numbers')).toHaveLength(0);
  expect(() => metadata.number('absent')).toThrow('x.gguf: metadata key "absent" is missing; a number is needed');
  expect(() => metadata.number('a.string', 1)).toThrow('metadata key "a.string" is string, not a number');
  expect(() => metadata.number('a.uint64')).toThrow('"a.uint64" is uint64, beyond 2^53, not a number');
  expect(() => metadata.numbers('a.uint64s')).toThrow('"a.uint64s" is array<uint64>, beyond 2^53');
  expect(() => metadata.strings('a.floats')).toThrow('"a.floats" is array<float32>, not an array of strings');
});

const f32 = ggmlType('F32');
const tensors: readonly TensorData[] = [
  { name: 'three', type: f32, dimensions: [3], data: new Uint8Array(12).fill(1) },
  { name: 'hole', type: ggmlType('Q8_0'), dimensions: [64, 2, 3] },
  {
    name: 'chunks',
    type: ggmlType('F16'),
    dimensions: [5, 2],
    data: () => [new Uint8Array(7).fill(2), new Uint8Array(13).fill(3)],
  },
];

test.each([undefined, 8, 256])('tensor data is aligned to %s', async (alignment) => {
  const metadata: [string, MetadataInput][] = [
    ['general.architecture', 'llama'],
    ['x.eps', float32(0.5)],
  ];
  if (alignment) metadata.push(['general.alignment', uint32(alignment)]);
  const source = bytesSource(await encodeGguf(metadata, tensors));
  const gguf = await openGguf(source);
  expect([...gguf.tensors.keys()]).toEqual(['three', 'hole', 'chunks']);
  for (const tensor of gguf.tensors.values()) expect(tensor.offset % (alignment ?? 32)).toBe(0);
  const { offset, byteLength, dimensions, type } = gguf.tensors.get('chunks')!;
  expect({ byteLength, dimensions, type: type.name }).toEqual({ byteLength: 20, dimensions: [5, 2], type: 'F16' });
  expect(await readBytes(source, offset, byteLength)).toEqual(
    Uint8Array.from([2, 2, 2, 2, 2, 2, 2, ...Array(13).fill(3)]),
  );
  expect(gguf.tensors.get('hole')!.byteLength).toBe(6 * 2 * 34);
});

test('a file beyond 2^32 bytes, mostly a hole, is read at its far end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-'));
  try {
    const path = join(folder, 'large.gguf');
    const sink = await createFile(path);
    const data = Uint8Array.of(1, 2, 3, 4);
    await writeGguf(
      sink,
      [],
      [
        { name: 'hole', type: f32, dimensions: [2 ** 31] },
        { name: 'end', type: f32, dimensions: [1], data },
      ],
    );
    await sink.finish();
    const gguf = await openGguf(await openFile(path));
    const { source, offset, byteLength } = gguf.tensors.get('end')!;
    expect(offset).toBeGreaterThan(2 ** 33);
    expect(await readBytes(source, offset, byteLength)).toEqual(data);
    await closeGguf(gguf);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the writer refuses what it can not write', async () => {
  await expect(encodeGguf([['a.number', 5 as never]])).rejects.toThrow('"a.number" is a bare number');
  const short = { name: 'short', type: f32, dimensions: [4], data: new Uint8Array(12) };
  await expect(encodeGguf([], [short])).rejects.toThrow('tensor "short" takes 16 bytes, but 12 came');
  await expect(encodeGguf([], [{ name: 'odd', type: ggmlType('Q8_0'), dimensions: [33] }])).rejects.toThrow(
    'rows of 33',
  );
});
