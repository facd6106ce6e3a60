/** Named shapes of random models to measure with, as plain data. */
import type { RandomModelOptions } from '../src/models/random_model.ts';

type Shape = Readonly<RandomModelOptions>;

/** Both: grouped heads, plain RoPE, untied output, Q8_0. */
export const shapes = {
  '57M': {
    embeddingLength: 512,
    blockCount: 8,
    headCount: 8,
    headCountKv: 2,
    feedForwardLength: 1536,
    vocabLength: 32_000,
    contextLength: 2048,
    ropeFreqs: false,
    typeName: 'Q8_0',
  },
  '400M': {
    embeddingLength: 1024,
    blockCount: 24,
    headCount: 16,
    headCountKv: 4,
    feedForwardLength: 3584,
    vocabLength: 32_000,
    contextLength: 2048,
    ropeFreqs: false,
    typeName: 'Q8_0',
  },
} as const satisfies Record<string, Shape>;

/** The shape of that name; an error listing the names where there is none. */
export function shapeNamed(name: string): Shape {
  if (Object.hasOwn(shapes, name)) return shapes[name as keyof typeof shapes];
  throw new Error(`no shape "${name}"; there are ${Object.keys(shapes).join(', ')}`);
}
