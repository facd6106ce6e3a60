/** A model over several files, divided and marked as llama.cpp reads them (`splitFileName` names them). */
import { layoutGguf, type MetadataInput, type TensorSpec } from './writer.ts';

type Entries = readonly (readonly [string, MetadataInput])[];

export interface FilePart<T extends TensorSpec> {
  readonly metadata: Entries;
  readonly tensors: readonly T[];
}

/** One file per group of tensors, the first with the metadata. A single one is no split. */
export function fileParts<T extends TensorSpec>(metadata: Entries, groups: readonly (readonly T[])[]): FilePart<T>[] {
  if (groups.length === 1) return [{ metadata, tensors: groups[0]! }];
  const tensorCount = groups.reduce((sum, group) => sum + group.length, 0);
  return groups.map((tensors, index) => {
    const keys = splitKeys(index, groups.length, tensorCount);
    return { metadata: index === 0 ? [...metadata, ...keys] : keys, tensors };
  });
}

/** Groups whose files have at most `maxBytes`, but for a tensor that alone has more. */
export function groupBySize<T extends TensorSpec>(metadata: Entries, tensors: readonly T[], maxBytes: number): T[][] {
  const keys = splitKeys(0, 0, 0);
  const whole = layoutGguf([...metadata, ...keys], tensors);
  // With all tensors' infos, and so never too short.
  const laterHeaderBytes = layoutGguf(keys, tensors).header.length;
  const groups: T[][] = [[]];
  let room = maxBytes - whole.header.length;
  for (const [i, tensor] of tensors.entries()) {
    const { offset } = whole.tensors[i]!;
    const byteLength = (whole.tensors[i + 1]?.offset ?? whole.byteLength) - offset;
    if (i > 0 && byteLength > room) {
      groups.push([]);
      room = maxBytes - laterHeaderBytes;
    }
    groups.at(-1)!.push(tensor);
    room -= byteLength;
  }
  return groups;
}

function splitKeys(index: number, fileCount: number, tensorCount: number): Entries {
  return [
    ['split.no', { type: 'uint16', value: index }],
    ['split.count', { type: 'uint16', value: fileCount }],
    ['split.tensors.count', { type: 'int32', value: tensorCount }],
  ];
}
