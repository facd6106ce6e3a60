/** The methods of Python's str, list and dict that a sandboxed template may call. */
import { ChatTemplateError } from '../errors.ts';
import { bindArguments, requireInt, requireText } from './arguments.ts';
import type { Budget } from './budget.ts';
import { format, pad } from './format.ts';
import { hashable, isEqual } from './operators.ts';
import { capitalize, replace, split, splitLines, strip, title } from './strings.ts';
import {
  Callable,
  type Dict,
  iterate,
  type Keywords,
  lengthOf,
  Tuple,
  tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

type Method<Self> = (self: Self, args: readonly Value[], keywords: Keywords, budget: Budget) => Value;

const optionalText = (what: string, value: Value | undefined) =>
  value === undefined || value === null ? undefined : requireText(what, value);

const stripping =
  (name: string, sides: 'both' | 'left' | 'right'): Method<string> =>
  (self, args, keywords) => {
    const [chars] = bindArguments(name, ['chars'], args, keywords);
    return strip(self, optionalText(`${name}'s argument`, chars), sides);
  };

const splitting =
  (name: string, fromRight: boolean): Method<string> =>
  (self, args, keywords, budget) => {
    const [separator, limit] = bindArguments(name, ['sep', 'maxsplit'], args, keywords);
    const parts = split(self, optionalText(`${name}'s sep`, separator), requireInt('maxsplit', limit, -1), fromRight);
    budget.items(parts.length);
    return parts;
  };

const testing =
  (pattern: RegExp): Method<string> =>
  (self) =>
    pattern.test(self);

const fixing =
  (name: string, test: (self: string, affix: string) => boolean): Method<string> =>
  (self, args) => {
    const affixes = args[0] instanceof Tuple ? args[0] : [args[0]];
    return affixes.some((affix) => test(self, requireText(`${name}'s argument`, affix)));
  };

const padding =
  (name: string, align: string): Method<string> =>
  (self, args) =>
    pad(
      self,
      align,
      args[1] === undefined ? ' ' : requireText(`${name}'s fill`, args[1]),
      requireInt('width', args[0], 0),
    );

const cutting =
  (name: string, place: (self: string, separator: string) => number): Method<string> =>
  (self, args) => {
    const separator = requireText(`${name}'s separator`, args[0]);
    if (separator === '') throw new ChatTemplateError('empty separator');
    const at = place(self, separator);
    if (at < 0) return name === 'partition' ? tuple([self, '', '']) : tuple(['', '', self]);
    return tuple([self.slice(0, at), separator, self.slice(at + separator.length)]);
  };

const finding =
  (name: string, place: (self: string, sought: string) => number): Method<string> =>
  (self, args) => {
    const at = place(self, requireText(`${name}'s argument`, args[0]));
    if (at < 0 && name.endsWith('index')) throw new ChatTemplateError('substring not found');
    return at < 0 ? at : lengthOf(self.slice(0, at));
  };

const stringMethods: Readonly<Record<string, Method<string>>> = {
  upper: (self) => self.toUpperCase(),
  lower: (self) => self.toLowerCase(),
  casefold: (self) => self.toLowerCase(),
  capitalize,
  title: (self, _args, _keywords, budget) => {
    budget.items(self.length / 2);
    return title(self);
  },
  swapcase: (self) => self.replace(/\p{L}/gu, (c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())),
  strip: stripping('strip', 'both'),
  lstrip: stripping('lstrip', 'left'),
  rstrip: stripping('rstrip', 'right'),
  split: splitting('split', false),
  rsplit: splitting('rsplit', true),
  splitlines: (self, args) => splitLines(self, args[0] === true),
  startswith: fixing('startswith', (self, affix) => self.startsWith(affix)),
  endswith: fixing('endswith', (self, affix) => self.endsWith(affix)),
  removeprefix: (self, args) => {
    const prefix = requireText("removeprefix's argument", args[0]);
    return self.startsWith(prefix) ? self.slice(prefix.length) : self;
  },
  removesuffix: (self, args) => {
    const suffix = requireText("removesuffix's argument", args[0]);
    return suffix !== '' && self.endsWith(suffix) ? self.slice(0, -suffix.length) : self;
  },
  replace: (self, args, keywords, budget) => {
    const [old, by, count] = bindArguments('replace', ['old', 'new', 'count'], args, keywords);
    const texts = [requireText("replace's old", old), requireText("replace's new", by)] as const;
    return replace(self, ...texts, requireInt('count', count, -1), budget);
  },
  join: (self, args, _, budget) => {
    const items = iterate(args[0] ?? new Undefined('join needs an argument'));
    const texts = items.map((item, i) => requireText(`sequence item ${i}`, item));
    budget.reserve(texts.reduce((length, text) => length + text.length + self.length, 0));
    return texts.join(self);
  },
  find: finding('find', (self, sought) => self.indexOf(sought)),
  rfind: finding('rfind', (self, sought) => self.lastIndexOf(sought)),
  index: finding('index', (self, sought) => self.indexOf(sought)),
  rindex: finding('rindex', (self, sought) => self.lastIndexOf(sought)),
  count: (self, args) => {
    const sought = requireText("count's argument", args[0]);
    return sought === '' ? lengthOf(self) + 1 : self.split(sought).length - 1;
  },
  partition: cutting('partition', (self, separator) => self.indexOf(separator)),
  rpartition: cutting('rpartition', (self, separator) => self.lastIndexOf(separator)),
  ljust: padding('ljust', '<'),
  rjust: padding('rjust', '>'),
  center: padding('center', '^'),
  zfill: (self, args) => pad(self, '>', '0', requireInt('width', args[0], 0)),
  format: (self, args, keywords, budget) => format(self, args, keywords, budget),
  isalpha: testing(/^\p{L}+$/u),
  isalnum: testing(/^[\p{L}\p{N}]+$/u),
  isdigit: testing(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨]+$/u),
  isdecimal: testing(/^\p{Nd}+$/u),
  isnumeric: testing(/^\p{N}+$/u),
  isspace: (self) => self !== '' && strip(self, undefined, 'both') === '',
  isupper: (self) => self === self.toUpperCase() && self !== self.toLowerCase(),
  islower: (self) => self === self.toLowerCase() && self !== self.toUpperCase(),
  isascii: testing(/^[\0-\x7f]*$/),
  isidentifier: testing(/^[\p{L}_][\p{L}\p{N}_]*$/u),
};

const dictMethods: Readonly<Record<string, Method<Dict>>> = {
  get: (self, args, keywords) => {
    const [key = null, fallback = null] = bindArguments('get', ['key', 'default'], args, keywords);
    return self.get(hashable(key)) ?? (self.has(hashable(key)) ? self.get(hashable(key))! : fallback);
  },
  items: (self) => Array.from(self, ([key, value]) => tuple([key, value])),
  keys: (self) => [...self.keys()],
  values: (self) => [...self.values()],
  copy: (self) => self,
};

const listMethods: Readonly<Record<string, Method<readonly Value[]>>> = {
  index: (self, args, _, budget) => {
    const at = self.findIndex((item) => isEqual(item, args[0] ?? null, budget));
    if (at < 0) throw new ChatTemplateError('the value is not in the list');
    return at;
  },
  count: (self, args, _, budget) => self.filter((item) => isEqual(item, args[0] ?? null, budget)).length,
  copy: (self) => self,
};

/** What the sandbox keeps from templates: they may not change what they were given. */
const changingMethods = new Set(
  'append clear extend insert pop popitem remove reverse setdefault sort update'.split(' '),
);

/** The bound method, or `undefined` where the type has none of the name. */
export function findMethod(self: Value, name: string, budget: Budget): Value | undefined {
  const bind = <Self extends string | Dict | readonly Value[]>(
    methods: Readonly<Record<string, Method<Self>>>,
    to: Self,
  ) => {
    if (!Object.hasOwn(methods, name)) return undefined;
    const method = methods[name]!;
    return new Callable((args, keywords) => {
      budget.read(typeof to === 'string' ? to.length : to instanceof Map ? to.size : (to as readonly Value[]).length);
      const result = method(to, args, keywords, budget);
      return typeof result === 'string' ? budget.text(result) : result;
    });
  };
  if (typeof self === 'string') return bind(stringMethods, self);
  if (changingMethods.has(name) && typeof self === 'object') {
    return new Undefined(`access to attribute '${name}' of '${typeName(self)}' object is unsafe.`);
  }
  if (self instanceof Map) return bind(dictMethods, self as Dict);
  if (Array.isArray(self)) return bind(listMethods, self as readonly Value[]);
  return undefined;
}
