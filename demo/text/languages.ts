/** The languages that the page speaks. */
import { ca } from './ca.ts';
import { en, type Text } from './en.ts';
import { es } from './es.ts';
import { eu } from './eu.ts';
import { gl } from './gl.ts';

export const texts = { es, ca, eu, gl, en } satisfies Record<string, Text>;
export type Language = keyof typeof texts;

/** By their own names. */
export const languages: readonly (readonly [Language, string])[] = [
  ['es', 'Español'],
  ['ca', 'Català'],
  ['eu', 'Euskara'],
  ['gl', 'Galego'],
  ['en', 'English'],
];
