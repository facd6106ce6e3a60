/** The page's languages: English with the page, the others when they are wanted. */
import { signal } from '@preact/signals';
import { en, type Text } from './en.ts';

export const languages = {
  en: 'English',
  es: 'Español',
  ca: 'Català',
  eu: 'Euskara',
  gl: 'Galego',
} as const;
export type Language = keyof typeof languages;

const loaders: Readonly<Record<Language, () => Promise<Text>>> = {
  en: async () => en,
  es: async () => (await import('./es.ts')).es,
  ca: async () => (await import('./ca.ts')).ca,
  eu: async () => (await import('./eu.ts')).eu,
  gl: async () => (await import('./gl.ts')).gl,
};

export const language = signal<Language>('en');
const text = signal<Text>(en);

export async function speak(wanted: Language): Promise<void> {
  text.value = await loaders[wanted]();
  language.value = wanted;
  document.documentElement.lang = wanted;
  localStorage.setItem('language', wanted);
}

/** What was chosen before, or the first of the browser's languages that is here. */
export function preferredLanguage(): Language {
  const wanted = [localStorage.getItem('language') ?? '', ...navigator.languages.map((tag) => tag.split('-')[0]!)];
  return (wanted.find((tag) => tag in languages) as Language | undefined) ?? 'en';
}

export function t(key: keyof Text, values: Readonly<Record<string, string | number>> = {}): string {
  return text.value[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
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

/** `1,4 B` parameters, as models are called. */
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
