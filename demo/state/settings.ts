/** How tokens are chosen, in which colours, and what is open beside the chat. */
import { effect, signal } from '@preact/signals';
import type { SamplingOptions } from '../../src/index.ts';

export type Numbers = Required<
  Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'minP' | 'repeatPenalty' | 'repeatLastN'>
> & { maxTokens: number; seed: number | undefined };

/** The engine's own defaults. */
const defaults: Numbers = {
  temperature: 0.1,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  repeatLastN: 64,
  maxTokens: 1024,
  seed: undefined,
};

/** The defaults of the loaded model: what its file recommends. */
export const recommended = signal<Numbers>(defaults);
export const numbers = signal<Numbers>(defaults);

export function applyRecommended(sampling: SamplingOptions): void {
  recommended.value = { ...defaults, ...sampling } as Numbers;
  numbers.value = recommended.value;
}

export type Panel = 'look' | 'storage' | 'sampling' | 'chats';
export const panel = signal<Panel | undefined>(undefined);

export type Theme = 'system' | 'light' | 'dark';
export const theme = signal<Theme>((localStorage.getItem('theme') as Theme | null) ?? 'system');
effect(() => {
  localStorage.setItem('theme', theme.value);
  document.documentElement.dataset.theme = theme.value;
});
