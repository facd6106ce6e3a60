import type { MetadataEntry } from './metadata.ts';
import { type ByteSource, readBytes } from './source.ts';
import type { MetadataInput } from './writer.ts';

type Input = readonly [string, MetadataInput];

/** The entries as `source`'s header has them where it does, so that they are written again byte for byte. */
export async function withRawBytes(source: ByteSource, entries: readonly Input[]): Promise<Input[]> {
  const ends = entries.map(([, input]) => rangeOf(input)).map((range) => (range ? range.offset + range.byteLength : 0));
  const header = await readBytes(source, 0, Math.max(0, ...ends));
  return entries.map(([key, input]) => {
    const range = rangeOf(input);
    if (!range) return [key, input];
    return [key, { ...(input as MetadataEntry), raw: header.subarray(range.offset, range.offset + range.byteLength) }];
  });
}

function rangeOf(input: MetadataInput): MetadataEntry['range'] {
  return typeof input === 'object' && 'range' in input ? input.range : undefined;
}
