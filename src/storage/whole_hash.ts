import { sha256 } from '@noble/hashes/sha2.js';
import { GgufError } from '../gguf/errors.ts';
import type { BlockTable } from './blocks.ts';

/** How often it looks for a block that is on its way. */
const pollMs = 50;
/** Hashed at a stretch, in 40 ms or so: the worker does other things as well. */
const restBlocks = 8;

/**
 * SHA-256 of a whole file whose blocks are there or on their way: block after block, as they come. (WebCrypto hashes
 * only what is in memory.)
 */
export async function confirmWhole(
  blocks: BlockTable,
  readBlock: (block: number) => Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const hash = sha256.create();
  for (let block = 0; block < blocks.count; block++) {
    while (!blocks.has(block)) await pause(pollMs);
    signal.throwIfAborted();
    const bytes = readBlock(block);
    if (!bytes) throw new GgufError('storage', 'a stored file was cut while it was read; load it again');
    hash.update(bytes);
    if (block % restBlocks === restBlocks - 1) await pause(0);
  }
  return hash.digest();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
