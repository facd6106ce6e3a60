/** Jinja's filters on texts, numbers and whole values: `x | trim`. Those on lists are in list_filters.ts. */
import { ChatTemplateError } from '../errors.ts';
import { bindArguments, requireInt, requireText } from './arguments.ts';
import { pad, printf, roundFloat } from './format.ts';
import { listFilters } from './list_filters.ts';
import { findMethod } from './methods.ts';
import { escapeHtml } from './operators.ts';
import type { Runtime } from './runtime.ts';
import { capitalize, replace, splitLines, strip, titleOfWords } from './strings.ts';
import { jsonText, str } from './text.ts';
import {
  Float,
  isDict,
  isList,
  isNumber,
  isTrue,
  iterate,
  type Keywords,
  lengthOf,
  Markup,
  numberOf,
  plain,
  requireDefined,
  tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

export type Filter = (value: Value, args: readonly Value[], keywords: Keywords, runtime: Runtime) => Value;

const onText =
  (change: (text: string) => string): Filter =>
  (value, _args, _keywords, { budget }) => {
    const text = str(value, budget);
    budget.read(text.length);
    return budget.text(change(text));
  };

const escapeFilter: Filter = (value, _args, _keywords, { budget }) => {
  const text = str(value, budget);
  budget.read(text.length);
  return new Markup(budget.text(escapeHtml(value, text)));
};

const defaultFilter: Filter = (value, args, keywords) => {
  const [fallback = '', ifFalse = false] = bindArguments('default', ['default_value', 'boolean'], args, keywords);
  return value instanceof Undefined || (isTrue(ifFalse) && !isTrue(value)) ? fallback : value;
};

const length: Filter = (value, _args, _keywords, { budget }) => {
  if (typeof value === 'string') budget.read(value.length);
  return lengthOf(value);
};

/** json.dumps as transformers calls it: nothing beyond ASCII is escaped. */
const tojson: Filter = (value, args, keywords, { budget, guard }) => {
  const names = ['ensure_ascii', 'indent', 'separators', 'sort_keys'];
  const [ensureAscii = false, indent = null, separators = null, sortKeys = false] = bindArguments(
    'tojson',
    names,
    args,
    keywords,
  );
  const [itemSeparator, keySeparator] = isList(separators)
    ? [requireText('the item separator', separators[0]), requireText('the key separator', separators[1])]
    : [indent === null ? ', ' : ',', ': '];
  const json = jsonText(value, {
    ensureAscii: isTrue(ensureAscii),
    indent:
      indent === null
        ? undefined
        : typeof indent === 'string'
          ? indent
          : pad('', '<', ' ', requireInt('indent', indent, 0)),
    itemSeparator,
    keySeparator,
    sortKeys: isTrue(sortKeys),
    keep: guard,
    budget,
  });
  return budget.text(json);
};

const indent: Filter = (value, args, keywords, { budget }) => {
  const [width = 4, first = false, blank = false] = bindArguments(
    'indent',
    ['width', 'first', 'blank'],
    args,
    keywords,
  );
  const space = typeof width === 'string' ? width : pad('', '<', ' ', requireInt('width', width, 4));
  const text = str(value, budget);
  const lines = splitLines(`${text}\n`, false);
  budget.reserve(text.length + lines.length * space.length);
  const indented = lines.map((line, i) =>
    (i === 0 && !isTrue(first)) || (line === '' && i > 0 && !isTrue(blank)) ? line : space + line,
  );
  return indented.join('\n');
};

const int: Filter = (value, args, keywords) => {
  const [fallback = 0, base = 10] = bindArguments('int', ['default', 'base'], args, keywords);
  if (isNumber(value)) return Number.isFinite(numberOf(value)) ? Math.trunc(numberOf(value)) : fallback;
  if (typeof value !== 'string') return fallback;
  const text = strip(value, undefined, 'both').replace(/(?<=\d)_(?=\d)/g, '');
  const radix = requireInt('base', base, 10);
  if (radix !== 10) {
    const parsed = Number.parseInt(text.replace(/^([+-]?)0[bxo]/i, '$1'), radix);
    return Number.isNaN(parsed) ? fallback : parsed;
  }
  const number = toFloat(text);
  return number === undefined || !Number.isFinite(number) ? fallback : Math.trunc(number);
};

const float: Filter = (value, args, keywords) => {
  const [fallback = new Float(0)] = bindArguments('float', ['default'], args, keywords);
  if (isNumber(value)) return new Float(numberOf(value));
  const number = typeof value === 'string' ? toFloat(strip(value, undefined, 'both')) : undefined;
  return number === undefined ? fallback : new Float(number);
};

function toFloat(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (!special) return undefined;
  return special[2]!.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
}

const round: Filter = (value, args, keywords) => {
  const [precision = 0, method = 'common'] = bindArguments('round', ['precision', 'method'], args, keywords);
  if (!isNumber(value)) throw new ChatTemplateError(`type ${typeName(value)} doesn't define __round__ method`);
  const digits = requireInt('precision', precision, 0);
  if (method === 'common') return value instanceof Float ? roundFloat(value.value, digits) : Number(value);
  if (method !== 'ceil' && method !== 'floor') throw new ChatTemplateError('method must be common, ceil or floor');
  return new Float(Math[method](numberOf(value) * 10 ** digits) / 10 ** digits);
};

const abs: Filter = (value) => {
  requireDefined(value);
  if (value instanceof Float) return new Float(Math.abs(value.value));
  if (isNumber(value)) return Math.abs(Number(value));
  throw new ChatTemplateError(`bad operand type for abs(): '${typeName(value)}'`);
};

const truncate: Filter = (value, args, keywords, { budget }) => {
  const names = ['length', 'killwords', 'end', 'leeway'];
  const [most = 255, killWords = false, end = '...', leeway = 5] = bindArguments('truncate', names, args, keywords);
  const text = str(value, budget);
  const [limit, ending] = [requireInt('length', most, 255), requireText('end', end)];
  if (text.length <= limit + requireInt('leeway', leeway, 5)) return text;
  const cut = text.slice(0, Math.max(limit - ending.length, 0));
  const space = cut.lastIndexOf(' ');
  return (isTrue(killWords) || space < 0 ? cut : cut.slice(0, space)) + ending;
};

const attr: Filter = (value, args, _keywords, runtime) => {
  const name = requireText("attr's argument", args[0]);
  return (
    findMethod(value, name, runtime.budget) ?? new Undefined(`'${typeName(value)}' object has no attribute '${name}'`)
  );
};

const filters: Readonly<Record<string, Filter>> = {
  ...listFilters,
  abs,
  attr,
  capitalize: onText(capitalize),
  center: (value, args, _keywords, { budget }) => pad(str(value, budget), '^', ' ', requireInt('width', args[0], 80)),
  count: length,
  d: defaultFilter,
  default: defaultFilter,
  e: escapeFilter,
  escape: escapeFilter,
  float,
  forceescape: (value, args, keywords, runtime) => escapeFilter(plain(value), args, keywords, runtime),
  format: (value, args, keywords, { budget }) =>
    printf(str(value, budget), keywords.size > 0 ? new Map<Value, Value>(keywords) : tuple(args), budget),
  indent,
  int,
  length,
  lower: onText((text) => text.toLowerCase()),
  replace: (value, args, keywords, { budget }) => {
    const [old = '', by = '', count] = bindArguments('replace', ['old', 'new', 'count'], args, keywords);
    return replace(str(value, budget), str(old, budget), str(by, budget), requireInt('count', count, -1), budget);
  },
  round,
  safe: (value, _args, _keywords, { budget }) => new Markup(str(value, budget)),
  string: onText((text) => text),
  title: (value, _args, _keywords, { budget }) => {
    const text = str(value, budget);
    budget.items(text.length / 2);
    return budget.text(titleOfWords(text));
  },
  tojson,
  trim: (value, args, keywords, { budget }) => {
    const [chars] = bindArguments('trim', ['chars'], args, keywords);
    const set = chars === undefined || chars === null ? undefined : requireText("trim's chars", chars);
    return budget.text(strip(str(value, budget), set, 'both'));
  },
  truncate,
  upper: onText((text) => text.toUpperCase()),
  urlencode: (value, _args, _keywords, { budget }) => {
    const quote = (item: Value) =>
      encodeURIComponent(str(item, budget).toWellFormed()).replace(
        /[!'()*]/g,
        (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
      );
    if (isDict(value)) return Array.from(value, ([key, item]) => `${quote(key)}=${quote(item)}`).join('&');
    return quote(value).replaceAll('%2F', '/');
  },
  wordcount: (value, _args, _keywords, { budget }) => str(value, budget).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
  items: (value) => {
    if (value instanceof Undefined) return [];
    if (!isDict(value)) throw new ChatTemplateError('Can only get item pairs from a mapping.');
    return Array.from(value, ([key, item]) => tuple([key, item]));
  },
  list: (value, _args, _keywords, { budget }) => {
    const items = iterate(value);
    budget.items(items.length);
    return [...items];
  },
};

export function findFilter(name: string): Filter | undefined {
  return Object.hasOwn(filters, name) ? filters[name] : undefined;
}
