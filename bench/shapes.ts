/** Named shapes of random models to measure with, as plain data. */
import type { RandomModelOptions } from '../src/models/random_model.ts';

export type Shape = Readonly<RandomModelOptions>;

/** All: grouped heads, untied output, Q8_0. */
export const shapes = {
  '57M': {
    embeddingLength: 512,
    blockCount: 8,
    headCount: 8,
    headCountKv: 2,
    feedForwardLength: 1536,
    vocabLength: 32_000,
    contextLength: 8192,
    ropeFreqs: false,
    typeName: 'Q8_0',
  },
  '400M': {
    embeddingLength: 1536,
    blockCount: 12,
    headCount: 12,
    headCountKv: 4,
    feedForwardLength: 4096,
    vocabLength: 32_000,
    contextLength: 8192,
    ropeFreqs: false,
    typeName: 'Q8_0',
  },
  /** 2.1 GB, as much as a GPU of 512 MB must stream. */
  '2b': {
    embeddingLength: 2048,
    blockCount: 24,
    headCount: 16,
    headCountKv: 4,
    feedForwardLength: 8192,
    vocabLength: 128_000,
    contextLength: 8192,
    ropeFreqs: false,
    typeName: 'Q8_0',
  },
  /** 43 GB: ALIA-40b-instruct-2601, llama3 scaling by 40 from 4,096 tokens included. */
  'alia-40b': {
    embeddingLength: 8192,
    blockCount: 48,
    headCount: 64,
    headCountKv: 8,
    feedForwardLength: 24_576,
    vocabLength: 256_000,
    contextLength: 163_840,
    ropeFreqs: true,
    ropeFactor: 40,
    typeName: 'Q8_0',
  },
} as const satisfies Record<string, Shape>;

/** The shape of that name; an error listing the names where there is none. */
export function shapeNamed(name: string): Shape {
  if (Object.hasOwn(shapes, name)) return shapes[name as keyof typeof shapes];
  throw new Error(`no shape "${name}"; there are ${Object.keys(shapes).join(', ')}`);
}
