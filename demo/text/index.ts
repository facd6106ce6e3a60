/** What the page says, in the language of whoever reads it. */
import { effect, signal } from '@preact/signals';
import type { Text } from './en.ts';
import { type Language, texts } from './languages.ts';

export { type Language, languages } from './languages.ts';

/** What was chosen here before, or the first that the browser asks for and there is. */
export const language = signal<Language>(
  [localStorage.getItem('language') ?? '', ...navigator.languages].map(known).find(Boolean) ?? 'en',
);

function known(tag: string): Language | undefined {
  const [name = ''] = tag.toLowerCase().split('-');
  return Object.hasOwn(texts, name) ? (name as Language) : undefined;
}

export function speak(wanted: Language): void {
  language.value = wanted;
  localStorage.setItem('language', wanted);
}
effect(() => {
  document.documentElement.lang = language.value;
});

export function t(key: keyof Text, values: Readonly<Record<string, string | number>> = {}): string {
  return texts[language.value][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** Numbers as the language writes them. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString(language.value, { maximumFractionDigits: digits });

/** `1.4 GB`: powers of ten, as disks and links are told. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${number(value, value < 10 && power > 1 ? 1 : 0)} ${units[power]}`;
}

/** `1.4 B` parameters, as models are called. */
export function parameters(count: number): string {
  const [scale, unit] = count >= 1e9 ? [1e9, ' B'] : count >= 1e6 ? [1e6, ' M'] : [1e3, ' K'];
  return `${number(count / scale, count / scale < 10 ? 1 : 0)}${unit}`;
}

/** `40 ms`, `1.2 s`, `3 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${number(Math.max(1, 1000 * seconds))} ms`;
  if (seconds < 90) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${number(seconds / 60)} min` : `${number(seconds / 3600, 1)} h`;
}
