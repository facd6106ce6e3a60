import type { Architecture } from './architecture.ts';
import { llama } from './llama.ts';

/** Every architecture the engine runs, by GGUF's name. Adding one is one file and one line. */
export const architectures: Readonly<Record<string, Architecture>> = Object.fromEntries(
  [llama].map((architecture) => [architecture.name, architecture]),
);
