import { bf16 } from './bf16.ts';
import type { BlockType, Pack, ReadVariant } from './block_type.ts';
import { f16 } from './f16.ts';
import { f32, packF32 } from './f32.ts';
import { packHalfWords } from './half_words.ts';
import { packQ8_0, q8_0 } from './q8_0.ts';
import { packQ8_0Blocks, q8_0_blocks } from './q8_0_blocks.ts';

/** Every block type the engine runs, by ggml's name. Adding one is one file, a line here and a line below. */
export const blockTypes: Readonly<Record<string, BlockType>> = Object.fromEntries(
  [f32, f16, bf16, q8_0].map((type) => [type.name, type]),
);

/** What matmuls read: all of these, and what can also be read as it stands in the file. */
export const matmulTypes: Readonly<Record<string, BlockType>> = { ...blockTypes, [q8_0_blocks.name]: q8_0_blocks };

/** Their planes as the host makes them: what cases hold `repack` to, and read from. Nothing that runs a model does. */
export const packs: Readonly<Record<string, Pack>> = {
  F32: packF32,
  F16: packHalfWords,
  BF16: packHalfWords,
  Q8_0: packQ8_0,
  'Q8_0 blocks': packQ8_0Blocks,
};

/** Which of a device's features the reading of a type makes use of. */
export function readVariant(type: string, activation: 'f32' | 'q8', features: ReadVariant): ReadVariant {
  return {
    dp4a: features.dp4a && activation === 'q8',
    f16: features.f16 && (matmulTypes[type] as BlockType).nativeF16,
  };
}
