import { readFile } from 'node:fs/promises';
import { UsageError } from './command.ts';
import type { Values } from './option_values.ts';

/** Options of every command that takes a prompt. */
export const promptArgs = {
  prompt: { type: 'string', short: 'p' },
  file: { type: 'string', short: 'f' },
  tokens: { type: 'string' },
} as const;

/** The prompt as text, or as ids; empty text where none is given. */
export async function readPrompt({ prompt, file, tokens }: Values<typeof promptArgs>): Promise<string | number[]> {
  if ([prompt, file, tokens].filter((value) => value !== undefined).length > 1) {
    throw new UsageError('give one prompt: -p, -f or --tokens');
  }
  if (tokens !== undefined) return parseTokens(tokens);
  if (file !== undefined) return readFile(file, 'utf8');
  return prompt ?? '';
}

/** `1,2,3`; spaces divide too, as `tokenize` prints them. */
export function parseTokens(list: string): number[] {
  const words = list.split(/[\s,]+/).filter((word) => word !== '');
  const wrong = words.find((word) => !/^\d{1,10}$/.test(word));
  if (wrong !== undefined) throw new UsageError(`--tokens holds ${JSON.stringify(wrong)}; ids are whole numbers`);
  return words.map(Number);
}
