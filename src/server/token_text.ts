import type { Tokenizer } from '../index.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A token's text; one that is no whole character is `bytes:\xe2\x80`, as OpenAI writes it, so that they stay distinct. */
export function tokenText(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.tokenBytes(id);
  try {
    return utf8.decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}
