import { expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { FieldWriter } from '../../src/gguf/field_writer.ts';
import { ggmlType, ggmlTypeById, ggmlTypes } from '../../src/gguf/ggml_types.ts';
import { openGguf } from '../../src/gguf/open.ts';
import type { ByteSource } from '../../src/gguf/source.ts';
import { encodeGguf, uint32 } from '../../src/gguf/writer.ts';

const MAGIC = 0x46554747;

/** A header written field by field, so that it can lie; `dataBytes` of zeros follow. */
function header(
  write: (w: FieldWriter) => void,
  { tensors = 0, keys = 0, version = 3, dataBytes = 0 } = {},
): ByteSource {
  const w = new FieldWriter();
  w.uint32(MAGIC);
  w.uint32(version);
  w.size(tensors);
  w.size(keys);
  write(w);
  w.pad(32);
  w.bytes(new Uint8Array(dataBytes));
  return bytesSource(w.finish(), 'x.gguf');
}

interface StatedTensor {
  name?: string;
  dimensions?: (number | bigint)[];
  dimensionCount?: number;
  type?: number;
  offset?: number;
}

function tensor(w: FieldWriter, { name = 't', dimensions = [32], dimensionCount, type = 0, offset = 0 }: StatedTensor) {
  w.string(name);
  w.uint32(dimensionCount ?? dimensions.length);
  for (const length of dimensions) w.size(length as number);
  w.uint32(type);
  w.size(offset);
}

function tensors(...stated: StatedTensor[]): ByteSource {
  const write = (w: FieldWriter) => {
    for (const info of stated) tensor(w, info);
  };
  return header(write, { tensors: stated.length, dataBytes: 512 });
}

/** The file with one key `k`, whose value `write` writes: type id first. */
function value(write: (w: FieldWriter) => void): ByteSource {
  return header(
    (w) => {
      w.string('k');
      write(w);
    },
    { keys: 1, dataBytes: 64 },
  );
}

function rawString(w: FieldWriter, ...bytes: number[]) {
  w.size(bytes.length);
  w.bytes(Uint8Array.from(bytes));
}

const INT32 = 5;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const huge = (2n ** 60n) as unknown as number;

const refused: Record<string, [ByteSource, string]> = {
  empty: [bytesSource(new Uint8Array(0), 'x.gguf'), 'has 0 bytes, too few for a GGUF file'],
  'another format': [bytesSource(new TextEncoder().encode('{"a": "json"}'), 'x.gguf'), 'is not a GGUF file'],
  'cut in the counts': [
    bytesSource(Uint8Array.of(71, 71, 85, 70, 3, 0, 0, 0, 1), 'x.gguf'),
    'the header needs 16 bytes',
  ],
  'version 1': [header(() => {}, { version: 1 }), 'is GGUF version 1, which is not read'],
  'version 4': [header(() => {}, { version: 4 }), 'is GGUF version 4; versions 2 and 3 are read'],
  'big endian': [header(() => {}, { version: 0x03000000 }), 'is a big-endian GGUF file'],
  'more keys than bytes': [header(() => {}, { keys: 60_000 }), 'a header of 60000 metadata keys needs 780000 bytes'],
  'more keys than any model': [header(() => {}, { keys: 2 ** 40 }), '1099511627776 metadata keys are declared'],
  'more tensors than any model': [header(() => {}, { tensors: 2 ** 20 }), '1048576 tensors are declared'],
  'a count beyond 2^53': [
    header(() => {}, { keys: huge }),
    'the number of metadata keys is 1152921504606847000, beyond 2^53',
  ],
  'a long key': [header((w) => w.size(70_000), { keys: 1, dataBytes: 80_000 }), 'metadata key 0 has 70000 bytes'],
  'a key of invalid UTF-8': [header((w) => rawString(w, 0x61, 0xff), { keys: 1 }), 'metadata key 0 is not valid UTF-8'],
  'a key twice': [
    header(
      (w) => {
        for (const number of [1, 2]) {
          w.string('a\n');
          w.entry(uint32(number));
        }
      },
      { keys: 2 },
    ),
    'metadata key "a\\n" appears twice',
  ],
  'a value type unknown': [value((w) => w.uint32(13)), 'the value of "k" has type 13'],
  'a string beyond the end': [
    value((w) => {
      w.uint32(STRING);
      w.size(1000);
    }),
    'the value of "k" needs 1000 bytes where the file has',
  ],
  'a string beyond 2^53': [
    value((w) => {
      w.uint32(STRING);
      w.size(huge);
    }),
    'the length of the value of "k" is 1152921504606847000, beyond 2^53',
  ],
  ...Object.fromEntries(
    [INT32, BOOL, STRING, ARRAY].map((type) => [
      `an array of type ${type} beyond the end`,
      [
        value((w) => {
          w.uint32(ARRAY);
          w.uint32(type);
          w.size(2 ** 40);
        }),
        'the value of "k" needs',
      ] as [ByteSource, string],
    ]),
  ),
  'deep nesting': [
    value((w) => {
      w.uint32(ARRAY);
      for (let depth = 0; depth < 9; depth++) {
        w.uint32(ARRAY);
        w.size(1);
      }
    }),
    'nests arrays deeper than 8',
  ],
  'many nested arrays': [
    header(
      (w) => {
        w.string('k');
        w.uint32(ARRAY);
        w.uint32(ARRAY);
        w.size(70_000);
      },
      { keys: 1, dataBytes: 70_000 * 12 },
    ),
    'brings more than 65536 arrays',
  ],
  'general.alignment of another type': [
    header(
      (w) => {
        w.string('general.alignment');
        w.entry({ type: 'string', value: '32' });
      },
      { keys: 1 },
    ),
    'general.alignment is string, not uint32',
  ],
  'general.alignment 48': [
    header(
      (w) => {
        w.string('general.alignment');
        w.entry(uint32(48));
      },
      { keys: 1 },
    ),
    'general.alignment is 48, not a power of two',
  ],
  'general.alignment 2^31': [
    header(
      (w) => {
        w.string('general.alignment');
        w.entry(uint32(2 ** 31));
      },
      { keys: 1 },
    ),
    'general.alignment is 2147483648, more than 16777216',
  ],
  'a tensor name of invalid UTF-8': [
    header(
      (w) => {
        rawString(w, 0xc3);
        w.bytes(new Uint8Array(64));
      },
      { tensors: 1 },
    ),
    'the name of tensor 0 is not valid UTF-8',
  ],
  'a tensor twice': [tensors({ name: 'a' }, { name: 'a' }), 'tensor "a" appears twice'],
  'five dimensions': [tensors({ dimensions: [1, 1, 1, 1, 1] }), 'tensor "t" has 5 dimensions, more than 4'],
  'dimensions beyond counting': [tensors({ dimensionCount: 2 ** 31 }), 'has 2147483648 dimensions'],
  'a dimension of 0': [tensors({ dimensions: [32, 0] }), 'dimension 1 of tensor "t" is 0'],
  'a dimension beyond 2^53': [tensors({ dimensions: [huge] }), 'dimension 0 of tensor "t" is 1152921504606847000'],
  'a product beyond 2^53': [tensors({ dimensions: [2 ** 30, 2 ** 30] }), 'tensor "t" has more than 2^53 elements'],
  'a type unknown': [tensors({ type: 1000 }), 'tensor "t" has type 1000, which is not known'],
  'a type removed': [tensors({ type: 31 }), 'tensor "t" has type Q4_0_4_4, which ggml has removed'],
  'half a block': [tensors({ type: 8, dimensions: [48] }), 'tensor "t" has rows of 48, not a multiple of Q8_0\'s 32'],
  unaligned: [tensors({ offset: 8 }), 'tensor "t" starts at 8, which is not aligned to 32 bytes'],
  'beyond the end': [tensors({ offset: 480 }), 'it is truncated, fetch it again'],
  overlapping: [tensors({ name: 'a', dimensions: [33] }, { name: 'b', offset: 128 }), 'tensors "a" and "b" overlap'],
};

test.each(Object.entries(refused))('%s: one clear line', async (_, [source, message]) => {
  const error = await openGguf(source).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error?.name).toBe('GgufError');
  expect(error?.message).toContain(`x.gguf: `);
  expect(error?.message).toContain(message);
  expect(error?.message).not.toContain('\n');
});

test('a file cut anywhere is one clear line', async () => {
  const file = await encodeGguf(
    [
      ['general.architecture', 'llama'],
      ['a', Float32Array.of(1, 2)],
      ['b', ['x', 'y']],
      ['c', true],
    ],
    [{ name: 't', type: ggmlType('Q8_0'), dimensions: [32, 2] }],
  );
  // The last byte belongs to the padding.
  for (let length = 0; length < file.length - 28; length++) {
    await expect(openGguf(bytesSource(file.subarray(0, length))), `${length} bytes`).rejects.toThrow(/^bytes: /);
  }
  await openGguf(bytesSource(file));
});

test('version 2, gaps, any order, scalars and an unaligned end are read', async () => {
  const v2 = await encodeGguf([['k', 'v']]);
  v2[4] = 2;
  expect(await openGguf(bytesSource(v2))).toMatchObject({ version: 2 });

  const gaps = await openGguf(tensors({ name: 'b', offset: 256 }, { name: 'a', dimensions: [] }));
  expect([...gaps.tensors.keys()]).toEqual(['b', 'a']);
  expect(gaps.tensors.get('a')).toMatchObject({ dimensions: [], byteLength: 4 });

  const unaligned = await encodeGguf([['k', 'v']]);
  expect((await openGguf(bytesSource(unaligned.subarray(0, 24 + 9 + 4 + 9)))).metadata.string('k')).toBe('v');
});

test('values of invalid UTF-8 are taken with U+FFFD, as llama.cpp takes them', async () => {
  const { metadata } = await openGguf(
    value((w) => {
      w.uint32(STRING);
      rawString(w, 0x61, 0xff, 0x62);
    }),
  );
  expect(metadata.string('k')).toBe('a\ufffdb');
});

test('of a large file only the header is read', async () => {
  const file = await encodeGguf(
    [
      ['tokens', Array.from({ length: 100_000 }, (_, i) => `token ${i}`)],
      ['scores', new Float32Array(100_000).fill(0.5)],
    ],
    [{ name: 't', type: ggmlType('F32'), dimensions: [2 ** 22] }],
  );
  let readBytes = 0;
  const memory = bytesSource(file);
  const source: ByteSource = {
    ...memory,
    read: (offset, target) => {
      readBytes += target.length;
      return memory.read(offset, target);
    },
  };
  const { metadata, tensors } = await openGguf(source);
  expect(metadata.strings('tokens')[99_999]).toBe('token 99999');
  expect(metadata.numbers('scores')[99_999]).toBe(0.5);
  expect(readBytes).toBeLessThan(tensors.get('t')!.offset + 4 * 1024 * 1024);
});

test('ggml types are found by id and name', () => {
  expect(ggmlTypeById(8)).toEqual({ name: 'Q8_0', id: 8, blockLength: 32, blockBytes: 34 });
  expect(ggmlType('bf16').blockBytes).toBe(2);
  expect(ggmlTypeById(39)?.name).toBe('MXFP4');
  expect(new Set(ggmlTypes.map(({ id }) => id)).size).toBe(ggmlTypes.length);
  expect(() => ggmlType('Q9_9')).toThrow('no ggml type is called Q9_9');
});
