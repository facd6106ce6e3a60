import { ChatTemplateError } from '../errors.ts';
import { type Keywords, Markup, type Value } from './values.ts';

/** The arguments of a Python call by their names, in order; `undefined` where one was not given. */
export function bindArguments(
  what: string,
  names: readonly string[],
  args: readonly Value[],
  keywords: Keywords,
): (Value | undefined)[] {
  if (args.length > names.length) {
    throw new ChatTemplateError(`${what}() takes at most ${names.length} arguments, ${args.length} were given`);
  }
  const bound: (Value | undefined)[] = names.map((_, i) => args[i]);
  for (const [name, value] of keywords) {
    const i = names.indexOf(name);
    if (i < 0) throw new ChatTemplateError(`${what}() got an unexpected keyword argument '${name}'`);
    if (i < args.length) throw new ChatTemplateError(`${what}() got multiple values for argument '${name}'`);
    bound[i] = value;
  }
  return bound;
}

/** An argument that must be a text. */
export function requireText(what: string, value: Value | undefined): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  throw new ChatTemplateError(`${what} must be a str`);
}

/** An argument that must be a whole number; `fallback` where it was left out or is None. */
export function requireInt(what: string, value: Value | undefined, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
  throw new ChatTemplateError(`${what} must be an int`);
}
