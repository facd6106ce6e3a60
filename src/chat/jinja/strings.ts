/** What Python means by white space, lines and letters' case. */
import { ChatTemplateError } from '../errors.ts';
import type { Budget } from './budget.ts';

const WHITE_SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const words = new RegExp(`[^${WHITE_SPACE}]+`, 'g');
const LINE_END = '\\r\\n|[\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029]';
const lineEnd = new RegExp(LINE_END, 'g');

const whiteSpaceCodes = new Set([
  ...[9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
  ...Array.from({ length: 11 }, (_, i) => 0x2000 + i),
]);

/** `chars`: the characters to take away; white space where it is undefined. */
export function strip(text: string, chars: string | undefined, sides: 'both' | 'left' | 'right'): string {
  const taken =
    chars === undefined ? whiteSpaceCodes : new Set(Array.from(chars, (character) => character.codePointAt(0)!));
  const size = (code: number) => (code > 0xffff ? 2 : 1);
  let start = 0;
  let end = text.length;
  while (sides !== 'right' && start < end && taken.has(text.codePointAt(start)!))
    start += size(text.codePointAt(start)!);
  while (sides !== 'left' && start < end && taken.has(codeBefore(text, end))) end -= size(codeBefore(text, end));
  return text.slice(start, end);
}

function codeBefore(text: string, end: number): number {
  const code = end > 1 ? text.codePointAt(end - 2)! : 0;
  return code > 0xffff ? code : text.charCodeAt(end - 1);
}

/** At words where `separator` is undefined, else at every one; at most `limit` cuts (−1: any number). */
export function split(text: string, separator: string | undefined, limit: number, fromRight: boolean): string[] {
  if (separator === '') throw new ChatTemplateError('empty separator');
  if (separator !== undefined) {
    const parts = text.split(separator);
    if (limit < 0 || parts.length <= limit + 1) return parts;
    if (fromRight) return [parts.slice(0, parts.length - limit).join(separator), ...parts.slice(parts.length - limit)];
    return [...parts.slice(0, limit), parts.slice(limit).join(separator)];
  }
  const found = [...text.matchAll(words)];
  if (limit < 0 || found.length <= limit) return found.map(([word]) => word);
  if (fromRight) {
    const first = found[found.length - limit - 1]!;
    const rest = strip(text.slice(0, first.index + first[0].length), undefined, 'left');
    return [...(rest === '' ? [] : [rest]), ...found.slice(found.length - limit).map(([word]) => word)];
  }
  const last = found[limit]!;
  return [...found.slice(0, limit).map(([word]) => word), strip(text.slice(last.index), undefined, 'right')];
}

export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const match of text.matchAll(lineEnd)) {
    const end = match.index + match[0].length;
    lines.push(text.slice(start, keepEnds ? end : match.index));
    start = end;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** `limit`: at most so many (−1: all). */
export function replace(text: string, old: string, by: string, limit: number, budget: Budget): string {
  budget.read(text.length);
  const places = old === '' ? text.length + 1 : text.split(old).length - 1;
  const count = limit < 0 ? places : Math.min(limit, places);
  budget.reserve(text.length + count * Math.max(by.length - old.length, 0));
  if (count === 0) return text;
  if (old === '') {
    const characters = [...text];
    const head = characters.slice(0, count).map((character) => by + character);
    return head.join('') + (count > characters.length ? by : characters.slice(count).join(''));
  }
  const parts = text.split(old);
  return (
    parts.slice(0, count + 1).join(by) +
    parts
      .slice(count + 1)
      .map((part) => old + part)
      .join('')
  );
}

export function capitalize(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

/** str.title(): every run of letters begins with a capital. */
export function title(text: string): string {
  return text.replace(/\p{L}+/gu, capitalize);
}

/** The title filter: only what follows white space, a dash or a bracket begins with a capital. */
export function titleOfWords(text: string): string {
  return text.replace(/[^-\s({[<]+/g, capitalize);
}
