/** A ggml tensor type: `blockLength` elements are stored in `blockBytes` bytes. */
export interface GgmlType {
  /** ggml's: `Q8_0`. */
  readonly name: string;
  /** Its number in files. */
  readonly id: number;
  /** Elements of a block; 1 where each stands alone. */
  readonly blockLength: number;
  /** What a block takes, in bytes. */
  readonly blockBytes: number;
}

// name, id, blockLength, blockBytes
const rows: readonly (readonly [string, number, number, number])[] = [
  ['F32', 0, 1, 4],
  ['F16', 1, 1, 2],
  ['Q4_0', 2, 32, 18],
  ['Q4_1', 3, 32, 20],
  ['Q5_0', 6, 32, 22],
  ['Q5_1', 7, 32, 24],
  ['Q8_0', 8, 32, 34],
  ['Q8_1', 9, 32, 36],
  ['Q2_K', 10, 256, 84],
  ['Q3_K', 11, 256, 110],
  ['Q4_K', 12, 256, 144],
  ['Q5_K', 13, 256, 176],
  ['Q6_K', 14, 256, 210],
  ['Q8_K', 15, 256, 292],
  ['IQ2_XXS', 16, 256, 66],
  ['IQ2_XS', 17, 256, 74],
  ['IQ3_XXS', 18, 256, 98],
  ['IQ1_S', 19, 256, 50],
  ['IQ4_NL', 20, 32, 18],
  ['IQ3_S', 21, 256, 110],
  ['IQ2_S', 22, 256, 82],
  ['IQ4_XS', 23, 256, 136],
  ['I8', 24, 1, 1],
  ['I16', 25, 1, 2],
  ['I32', 26, 1, 4],
  ['I64', 27, 1, 8],
  ['F64', 28, 1, 8],
  ['IQ1_M', 29, 256, 56],
  ['BF16', 30, 1, 2],
  ['TQ1_0', 34, 256, 54],
  ['TQ2_0', 35, 256, 66],
  ['MXFP4', 39, 32, 17],
  ['NVFP4', 40, 64, 36],
  ['Q1_0', 41, 128, 18],
  ['Q2_0', 42, 64, 18],
];

export const ggmlTypes: readonly GgmlType[] = rows.map(([name, id, blockLength, blockBytes]) => ({
  name,
  id,
  blockLength,
  blockBytes,
}));

/** Ids that ggml once had and gave up: their files must be made anew. */
const removedTypes: ReadonlyMap<number, string> = new Map([
  [4, 'Q4_2'],
  [5, 'Q4_3'],
  [31, 'Q4_0_4_4'],
  [32, 'Q4_0_4_8'],
  [33, 'Q4_0_8_8'],
  [36, 'IQ4_NL_4_4'],
  [37, 'IQ4_NL_4_8'],
  [38, 'IQ4_NL_8_8'],
]);

const byId: ReadonlyMap<number, GgmlType> = new Map(ggmlTypes.map((type) => [type.id, type]));
const byName: ReadonlyMap<string, GgmlType> = new Map(ggmlTypes.map((type) => [type.name, type]));

export function ggmlTypeById(id: number): GgmlType | undefined {
  return byId.get(id);
}

/** By ggml's name, in any case: `Q8_0`, `q8_0`. */
export function ggmlTypeByName(name: string): GgmlType | undefined {
  return byName.get(name.toUpperCase());
}

export function removedGgmlType(id: number): string | undefined {
  return removedTypes.get(id);
}

/** The known type of that name; for code that names types itself. */
export function ggmlType(name: string): GgmlType {
  const type = ggmlTypeByName(name);
  if (!type) throw new RangeError(`no ggml type is called ${name}`);
  return type;
}

/** Bytes of a row of `rowLength` elements, which must be a multiple of the type's block. */
export function rowBytes(type: GgmlType, rowLength: number): number {
  return (rowLength / type.blockLength) * type.blockBytes;
}
