import { expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import { openGguf, splitFileName } from '../../src/gguf/open.ts';
import type { ByteSource } from '../../src/gguf/source.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';

interface Part {
  no: number;
  count?: number;
  tensorCount?: number;
  tensorName?: string;
}

async function part({ no, count = 2, tensorCount = 2, tensorName = `t${no}` }: Part): Promise<Uint8Array> {
  return encodeGguf(
    [
      ['split.no', { type: 'uint16', value: no }],
      ['split.count', { type: 'uint16', value: count }],
      ['split.tensors.count', { type: 'int32', value: tensorCount }],
    ],
    [{ name: tensorName, type: ggmlType('F32'), dimensions: [4] }],
  );
}

/** Opens `first`, and finds the other files among `others`. */
async function openSplit(first: Part, others: Record<string, Part>, name = '/m/x-00001-of-00002.gguf') {
  const closed: string[] = [];
  const openSibling = async (fileName: string): Promise<ByteSource> => {
    const found = others[fileName];
    if (!found) throw new Error('there is no such file');
    return { ...bytesSource(await part(found), fileName), close: async () => void closed.push(fileName) };
  };
  return { gguf: openGguf(bytesSource(await part(first), name), openSibling), closed };
}

test('the files of a split are one model', async () => {
  const { gguf } = await openSplit({ no: 0 }, { 'x-00002-of-00002.gguf': { no: 1 } });
  const { tensors, sources } = await gguf;
  expect([...tensors].map(([name, { source }]) => [name, source.name])).toEqual([
    ['t0', '/m/x-00001-of-00002.gguf'],
    ['t1', 'x-00002-of-00002.gguf'],
  ]);
  expect(sources).toHaveLength(2);
  expect(splitFileName('x', 1, 2)).toBe('x-00002-of-00002.gguf');
});

const second = 'x-00002-of-00002.gguf';
test.each<[string, Part, Record<string, Part>, string, string?]>([
  ['a missing file', { no: 0 }, {}, `is a split model whose file "${second}" can't be opened: there is no such file`],
  ['not the first', { no: 1 }, {}, 'is file 2 of 2 of a split; open the first, "x-00001-of-00002.gguf"'],
  ['renamed', { no: 0 }, {}, 'is one of 2 files, but is not named like NAME-00001-of-00002.gguf', '/m/model.gguf'],
  ['another count by name', { no: 0, count: 3 }, {}, 'says by name that it is one of 2 files, inside one of 3'],
  [
    'a file of another split',
    { no: 0 },
    { [second]: { no: 1, count: 3 } },
    'is file 2 of 3 where file 2 of 2 was expected',
  ],
  ['files swapped', { no: 0 }, { [second]: { no: 0 } }, 'is file 1 of 2 where file 2 of 2 was expected'],
  ['a tensor in two files', { no: 0 }, { [second]: { no: 1, tensorName: 't0' } }, 'tensor "t0" is in an earlier file'],
  [
    'too few tensors',
    { no: 0, tensorCount: 3 },
    { [second]: { no: 1 } },
    'should have 3 tensors, but its files have 2',
  ],
])('%s is one clear line', async (_, first, others, message, name) => {
  const { gguf, closed } = await openSplit(first, others, name);
  await expect(gguf).rejects.toThrow(message);
  expect(closed).toEqual(Object.keys(others));
});

test('without a way to the other files the refusal names them', async () => {
  const source = bytesSource(await part({ no: 0 }), '/m/x-00001-of-00002.gguf');
  await expect(openGguf(source)).rejects.toThrow(`is a split model; "${second}" and the others are needed too`);
});
