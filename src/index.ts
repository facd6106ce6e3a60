export type { ByteSource } from './gguf/source.ts';
