import { bf16 } from './bf16.ts';
import type { BlockType } from './block_type.ts';
import { f16 } from './f16.ts';
import { f32 } from './f32.ts';
import { q8_0 } from './q8_0.ts';

/** Every block type the engine runs, by ggml's name. Adding one is one file and one line. */
export const blockTypes: Readonly<Record<string, BlockType>> = Object.fromEntries(
  [f32, f16, bf16, q8_0].map((type) => [type.name, type]),
);
