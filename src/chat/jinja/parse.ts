import { parse, tokenize } from '@huggingface/jinja';
import { ChatTemplateError } from '../errors.ts';
import type { Node, Token } from './ast.ts';

/** In UTF-16 units. The longest templates of wide use have about 30,000. */
const LONGEST_TEMPLATE = 256 * 1024;
/** The library's lexer takes time quadratic in a run of white space. */
const LONGEST_BLANK = 2048;

/** Parses a template as transformers has it set up: `trim_blocks`, `lstrip_blocks`, loop controls, `generation` blocks. */
export function parseTemplate(source: string): Node {
  if (source.length > LONGEST_TEMPLATE) {
    throw new ChatTemplateError(`the chat template has ${source.length} characters, more than ${LONGEST_TEMPLATE}`);
  }
  if (longestBlank(source) > LONGEST_BLANK) {
    throw new ChatTemplateError(`the chat template has more than ${LONGEST_BLANK} blanks in a row`);
  }
  try {
    return parse(testsToFilters(tokenize(trimBlocks(source))));
  } catch (error) {
    const reason = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    throw new ChatTemplateError(`the chat template cannot be parsed: ${reason}`, { cause: error });
  }
}

function longestBlank(source: string): number {
  let longest = 0;
  for (const [blank] of source.matchAll(/\s+/g)) longest = Math.max(longest, blank.length);
  return longest;
}

/** White space around block tags, as Jinja takes it; a `generation` block marks what the model said and renders as it is. */
function trimBlocks(source: string): string {
  return source
    .replace(/\r\n?/g, '\n')
    .replace(/\{%([-+]?)\s*generation\s*([-+]?)%\}/g, '{%$1 if true $2%}')
    .replace(/\{%([-+]?)\s*endgeneration\s*([-+]?)%\}/g, '{%$1 endif $2%}')
    .replace(/^[ \t]+(?=\{[%#](?!\+))/gm, '')
    .replace(/(?<!\+)([%#]\})\n/g, '$1')
    .replace(/(\{[%#])\+/g, '$1')
    .replace(/\+([%#]\})/g, '$1');
}

/**
 * The library's parser knows only tests without arguments. A test is a filter that answers true or false, so `x is not
 * divisibleby 3` goes to the parser as `x | "is not divisibleby"(3)`.
 */
function testsToFilters(tokens: readonly Token[]): Token[] {
  const groupEnds = findGroupEnds(tokens);
  const rewritten: Token[] = [];
  /** How many arguments end before each token. */
  const closing = new Map<number, number>();
  for (let i = 0; i <= tokens.length; i++) {
    for (let n = closing.get(i) ?? 0; n > 0; n--) rewritten.push({ value: ')', type: 'CloseParen' });
    if (i === tokens.length) break;
    if (!isTest(tokens, i)) {
      rewritten.push(tokens[i]!);
      continue;
    }
    const negated = tokens[i + 1]!.value === 'not' && tokens[i + 2]?.type === 'Identifier';
    i += negated ? 2 : 1;
    const name = `${negated ? 'is not' : 'is'} ${tokens[i]!.value}`;
    rewritten.push({ value: '|', type: 'Pipe' }, { value: name, type: 'Identifier' });
    const end = bareArgumentEnd(tokens, i + 1, groupEnds);
    if (end === i + 1) continue;
    rewritten.push({ value: '(', type: 'OpenParen' });
    closing.set(end, (closing.get(end) ?? 0) + 1);
  }
  return rewritten;
}

function isTest(tokens: readonly Token[], i: number): boolean {
  const isName = (token: Token | undefined) => token?.type === 'Identifier';
  return isName(tokens[i]) && tokens[i]!.value === 'is' && isName(tokens[i + 1]) && tokens[i - 1]?.type !== 'Dot';
}

const KEYWORDS = new Set(['else', 'or', 'and', 'is', 'if', 'in', 'not', 'recursive']);

/** Where the argument of a test written without parentheses ends; `start` where there is none. */
function bareArgumentEnd(tokens: readonly Token[], start: number, groupEnds: readonly number[]): number {
  const first = tokens[start];
  if (first?.type === 'NumericLiteral' || first?.type === 'StringLiteral') return start + 1;
  const isName = first?.type === 'Identifier' && !KEYWORDS.has(first.value);
  const isBracket = first?.type === 'OpenSquareBracket' || first?.type === 'OpenCurlyBracket';
  if (!isName && !isBracket) return start;
  let end = isName ? start + 1 : groupEnds[start]!;
  for (;;) {
    const next = tokens[end]?.type;
    if (next === 'Dot') end += 2;
    else if (next === 'OpenSquareBracket' || next === 'OpenParen') end = groupEnds[end]!;
    else return Math.min(end, tokens.length);
  }
}

/** For each opening bracket the place behind the one that closes it; the end where none does. */
function findGroupEnds(tokens: readonly Token[]): number[] {
  const ends: number[] = [];
  const open: number[] = [];
  tokens.forEach(({ type }, i) => {
    if (/^Open(Paren|SquareBracket|CurlyBracket)$/.test(type)) open.push(i);
    else if (/^Close(Paren|SquareBracket|CurlyBracket)$/.test(type) && open.length > 0) ends[open.pop()!] = i + 1;
  });
  for (const i of open) ends[i] = tokens.length;
  return ends;
}
