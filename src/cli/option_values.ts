import { UsageError } from './command.ts';
import { parseSize } from './size.ts';

interface Arg {
  readonly type: 'boolean' | 'string';
  readonly multiple?: true;
}
type Value<A extends Arg> = A['type'] extends 'boolean' ? boolean : A extends { multiple: true } ? string[] : string;

/** What parseArgs makes of options that are declared so. */
export type Values<Args extends Readonly<Record<string, Arg>>> = { [K in keyof Args]?: Value<Args[K]> };

/** One of `choices`, or nothing where nothing is said. */
export function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined || choices.includes(value as T)) return value as T | undefined;
  throw new UsageError(`${option} is ${choices.join(' or ')}, not ${JSON.stringify(value)}`);
}

/** A number above 0. */
export function number(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (value.trim() === '' || !(parsed > 0 && parsed < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`${option} takes a number above 0, not ${JSON.stringify(value)}`);
  }
  return parsed;
}

/** A whole number above 0. */
export function wholeNumber(option: string, value: string | undefined): number | undefined {
  const parsed = number(option, value);
  if (parsed !== undefined && !Number.isSafeInteger(parsed)) {
    throw new UsageError(`${option} takes a whole number, not ${JSON.stringify(value)}`);
  }
  return parsed;
}

/** A whole number from 0 on. */
export function wholeOrZero(option: string, value: string | undefined): number | undefined {
  return value === '0' ? 0 : wholeNumber(option, value);
}

/** Bytes of a SIZE such as `8GiB`. */
export function size(option: string, value: string | undefined): number | undefined {
  const bytes = value === undefined ? undefined : parseSize(value);
  if (value !== undefined && bytes === undefined) throw new UsageError(`${option} takes a size such as 8GiB or 500MB`);
  return bytes;
}
