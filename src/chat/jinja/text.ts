/** Python's str(), repr() and json.dumps() of template values. */
import { ChatTemplateError } from '../errors.ts';
import type { Budget } from './budget.ts';
import { type Dict, Float, isDict, isList, Markup, Tuple, typeName, Undefined, type Value } from './values.ts';

/** Characters that are looked at one by one, not by the engine's own loops. */
const COSTLY_PER_STEP = 2;

export function str(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return '';
  return budget.text(repr(value, budget));
}

export function repr(value: Value, budget: Budget): string {
  budget.step();
  const inner = (item: Value) => repr(item, budget);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return intText(value);
  if (typeof value === 'string') {
    budget.items(value.length / COSTLY_PER_STEP);
    return quoted(value);
  }
  if (value instanceof Markup) return `Markup(${quoted(value.text)})`;
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Tuple) return value.length === 1 ? `(${inner(value[0]!)},)` : `(${value.map(inner).join(', ')})`;
  if (isList(value)) return `[${value.map(inner).join(', ')}]`;
  if (isDict(value)) return `{${Array.from(value, ([key, item]) => `${inner(key)}: ${inner(item)}`).join(', ')}}`;
  return `<${typeName(value)} object>`;
}

function intText(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}

/** The shortest digits that give the float back, as Python lays them out. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [digits, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const plain = Object.is(value, -0) ? '-0' : String(value);
  if (plain.includes('e')) return value.toFixed(digits.replace(/^-?\d\.?/, '').length - exponent);
  return plain.includes('.') ? plain : `${plain}.0`;
}

const ESCAPES = new Map([
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\p{C}\p{Z}]|'/gu, (character) => {
    if (character === ' ') return character;
    if (character === "'") return quote === "'" ? "\\'" : character;
    return ESCAPES.get(character) ?? escapedCode(character.codePointAt(0)!);
  });
  return quote + escaped + quote;
}

function escapedCode(code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** The text of one level; undefined writes everything on one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
  /** Characters that stay as they are even with `ensureAscii`. */
  readonly keep: string;
  readonly budget: Budget;
}

export function jsonText(value: Value, options: JsonOptions, newline = '\n'): string {
  options.budget.step();
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return intText(value);
  if (typeof value === 'string') return jsonString(value, options);
  if (value instanceof Markup) return jsonString(value.text, options);
  if (value instanceof Float) return jsonFloat(value.value);
  const inner = newline + (options.indent ?? '');
  if (isList(value)) {
    return bracketed(
      '[]',
      value.map((item) => jsonText(item, options, inner)),
      options,
      newline,
    );
  }
  if (isDict(value)) {
    const items = sortedEntries(value, options).map(
      ([key, item]) => jsonString(jsonKey(key), options) + options.keySeparator + jsonText(item, options, inner),
    );
    return bracketed('{}', items, options, newline);
  }
  throw new ChatTemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function bracketed(brackets: string, items: readonly string[], options: JsonOptions, newline: string): string {
  const [open, close] = [brackets[0]!, brackets[1]!];
  if (items.length === 0) return open + close;
  if (options.indent === undefined) return open + items.join(options.itemSeparator) + close;
  const inner = newline + options.indent;
  return open + inner + items.join(options.itemSeparator + inner) + newline + close;
}

function sortedEntries(dict: Dict, options: JsonOptions): [Value, Value][] {
  const entries = [...dict];
  if (!options.sortKeys) return entries;
  return entries.sort(([a], [b]) => (jsonKey(a) < jsonKey(b) ? -1 : 1));
}

function jsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null || typeof key === 'boolean' || typeof key === 'number') return String(key);
  if (key instanceof Float) return jsonFloat(key.value);
  throw new ChatTemplateError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return floatText(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function jsonString(text: string, options: JsonOptions): string {
  const json = JSON.stringify(text);
  if (!options.ensureAscii) return json;
  return json.replace(/[\u007f-\uffff]/g, (unit) =>
    unit === '\u007f' || options.keep.includes(unit) ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
