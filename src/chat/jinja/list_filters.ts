/** Jinja's filters on what can be looped over: `messages | selectattr('role', 'equalto', 'user')`. */
import { ChatTemplateError } from '../errors.ts';
import { bindArguments, requireInt, requireText } from './arguments.ts';
import type { Filter } from './filters.ts';
import { binary, compare, hashable, isEqual } from './operators.ts';
import type { Runtime } from './runtime.ts';
import { applyTest } from './tests.ts';
import { repr, str } from './text.ts';
import { Generator, isDict, isTrue, iterate, type Keywords, tuple, Undefined, type Value } from './values.ts';

/** How an item is looked at: by an attribute such as `function.name`, or by itself; texts in lower case unless told. */
function itemKey(
  attribute: Value | undefined,
  caseSensitive: Value | undefined,
  runtime: Runtime,
): (item: Value) => Value {
  const keys = attributePath(attribute);
  return (item) => {
    const value = keys.reduce<Value>((object, key) => runtime.getItem(object, key), item);
    return typeof value === 'string' && !isTrue(caseSensitive ?? false) ? value.toLowerCase() : value;
  };
}

function attributePath(attribute: Value | undefined): Value[] {
  if (attribute === undefined || attribute === null) return [];
  if (typeof attribute === 'number') return [attribute];
  return requireText('attribute', attribute)
    .split('.')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function itemsOf(value: Value, { budget }: Runtime): readonly Value[] {
  const items = iterate(value);
  budget.items(items.length);
  return items;
}

function sorted(items: readonly Value[], key: (item: Value) => Value, reverse: boolean, { budget }: Runtime): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Python keeps equals in their order in reverse too.
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key, budget) : compare(a.key, b.key, budget)));
  return keyed.map(({ item }) => item);
}

const extreme =
  (name: string, isBetter: (difference: number) => boolean): Filter =>
  (value, args, keywords, runtime) => {
    const [caseSensitive, attribute] = bindArguments(name, ['case_sensitive', 'attribute'], args, keywords);
    const key = itemKey(attribute, caseSensitive, runtime);
    const items = itemsOf(value, runtime);
    if (items.length === 0) return new Undefined('No aggregated item, sequence was empty.');
    return items.reduce((best, item) => (isBetter(compare(key(item), key(best), runtime.budget)) ? item : best));
  };

/** What `select`, `reject` and `map` look through: nothing where the value is false, even None. */
function itemsIfAny(value: Value, runtime: Runtime): readonly Value[] {
  return isTrue(value) ? itemsOf(value, runtime) : [];
}

/** `select`, `reject` and their forms for an attribute. */
const choosing =
  (keeps: boolean, byAttribute: boolean): Filter =>
  (value, args, _keywords, runtime) => {
    const rest = byAttribute ? args.slice(1) : args;
    const look = byAttribute ? itemKey(args[0], true, runtime) : (item: Value) => item;
    const test = rest.length === 0 ? isTrue : namedTest(requireText("a test's name", rest[0]), rest.slice(1), runtime);
    return new Generator(itemsIfAny(value, runtime).filter((item) => test(look(item)) === keeps));
  };

function namedTest(name: string, args: readonly Value[], { budget }: Runtime): (value: Value) => boolean {
  return (value) => applyTest(name, value, args, budget);
}

const map: Filter = (value, args, keywords, runtime) => {
  const items = itemsIfAny(value, runtime);
  if (args.length > 0) {
    const name = requireText("a filter's name", args[0]);
    return new Generator(items.map((item) => runtime.applyFilter(name, item, args.slice(1), keywords)));
  }
  const fallback = keywords.get('default');
  const key = itemKey(keywords.get('attribute'), true, runtime);
  return new Generator(
    items.map((item) => {
      const found = key(item);
      return found instanceof Undefined && fallback !== undefined ? fallback : found;
    }),
  );
};

const groupby: Filter = (value, args, keywords, runtime) => {
  const [attribute, , caseSensitive] = bindArguments(
    'groupby',
    ['attribute', 'default', 'case_sensitive'],
    args,
    keywords,
  );
  const key = itemKey(attribute, caseSensitive, runtime);
  const name = itemKey(attribute, true, runtime);
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(itemsOf(value, runtime), key, false, runtime)) {
    const last = groups.at(-1);
    if (last && isEqual(last.key, key(item), runtime.budget)) last.items.push(item);
    else groups.push({ key: key(item), items: [item] });
  }
  return groups.map(({ items }) => tuple([name(items[0]!), items]));
};

const join: Filter = (value, args, keywords, runtime) => {
  const [separator = '', attribute] = bindArguments('join', ['d', 'attribute'], args, keywords);
  const key = itemKey(attribute, true, runtime);
  const texts = itemsOf(value, runtime).map((item) => str(attribute === undefined ? item : key(item), runtime.budget));
  const between = str(separator, runtime.budget);
  runtime.budget.reserve(texts.reduce((length, text) => length + text.length + between.length, 0));
  return texts.join(between);
};

const sort: Filter = (value, args, keywords, runtime) => {
  const [reverse = false, caseSensitive, attribute] = bindArguments(
    'sort',
    ['reverse', 'case_sensitive', 'attribute'],
    args,
    keywords,
  );
  const paths = typeof attribute === 'string' && attribute.includes(',') ? attribute.split(',') : [attribute];
  const keys = paths.map((path) => itemKey(path, caseSensitive, runtime));
  const key = keys.length === 1 ? keys[0]! : (item: Value) => keys.map((one) => one(item));
  return sorted(itemsOf(value, runtime), key, isTrue(reverse), runtime);
};

const dictsort: Filter = (value, args, keywords, runtime) => {
  const names = ['case_sensitive', 'by', 'reverse'];
  const [caseSensitive = false, by = 'key', reverse = false] = bindArguments('dictsort', names, args, keywords);
  if (!isDict(value)) throw new ChatTemplateError('dictsort needs a mapping');
  const key = itemKey(by === 'value' ? 1 : 0, caseSensitive, runtime);
  const pairs = Array.from(value, ([name, item]) => tuple([name, item]));
  return sorted(itemsOf(pairs, runtime), key, isTrue(reverse), runtime);
};

const unique: Filter = (value, args, keywords, runtime) => {
  const [caseSensitive, attribute] = bindArguments('unique', ['case_sensitive', 'attribute'], args, keywords);
  const key = itemKey(attribute, caseSensitive, runtime);
  const seen = new Set<Value>();
  const isNew = (item: Value) => {
    const { size } = seen;
    return seen.add(hashable(key(item))).size > size;
  };
  return new Generator(itemsOf(value, runtime).filter(isNew));
};

const batch: Filter = (value, args, keywords, runtime) => {
  const [count, fill = null] = bindArguments('batch', ['linecount', 'fill_with'], args, keywords);
  const size = Math.max(requireInt('linecount', count, 1), 1);
  const items = itemsOf(value, runtime);
  const rows: Value[][] = [];
  for (let i = 0; i < items.length; i += size) rows.push(items.slice(i, i + size));
  const last = rows.at(-1);
  if (last && fill !== null) {
    runtime.budget.items(size);
    while (last.length < size) last.push(fill);
  }
  return new Generator(rows);
};

const sum: Filter = (value, args, keywords, runtime) => {
  const [attribute, start = 0] = bindArguments('sum', ['attribute', 'start'], args, keywords);
  const key = itemKey(attribute, true, runtime);
  return itemsOf(value, runtime).reduce<Value>((total, item) => binary('+', total, key(item), runtime.budget), start);
};

const first: Filter = (value) => {
  const item = value instanceof Generator ? value.takeFirst() : iterate(value)[0];
  return item ?? (item === null ? null : new Undefined('No first item, sequence was empty.'));
};

const last: Filter = (value) => {
  if (value instanceof Generator) throw new ChatTemplateError("'generator' object is not reversible");
  const item = iterate(value).at(-1);
  return item === undefined ? new Undefined('No last item, sequence was empty.') : item;
};

const reverse: Filter = (value, _args, _keywords, runtime) => {
  if (typeof value === 'string') return runtime.budget.text([...value].reverse().join(''));
  return new Generator([...itemsOf(value, runtime)].reverse());
};

export const listFilters: Readonly<Record<string, Filter>> = {
  batch,
  dictsort,
  first,
  groupby,
  join,
  last,
  map,
  max: extreme('max', (difference) => difference > 0),
  min: extreme('min', (difference) => difference < 0),
  pprint: (value, _args: readonly Value[], _keywords: Keywords, { budget }) => budget.text(repr(value, budget)),
  reject: choosing(false, false),
  rejectattr: choosing(false, true),
  reverse,
  select: choosing(true, false),
  selectattr: choosing(true, true),
  sort,
  sum,
  unique,
};
