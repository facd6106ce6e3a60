/** Python's two ways of filling in a text: `'%s' % x` and `'{}'.format(x)`. */
import { ChatTemplateError } from '../errors.ts';
import type { Budget } from './budget.ts';
import { floatText, repr, str } from './text.ts';
import { Float, isDict, isNumber, type Keywords, numberOf, Tuple, typeName, type Value } from './values.ts';

/** A field's width; Python would pad to any. */
const WIDEST = 10_000;

/** `template % filling`, where a tuple fills in one place each and a dict fills in by name. */
export function printf(template: string, filling: Value, budget: Budget): string {
  const values = filling instanceof Tuple ? [...filling] : [filling];
  let next = 0;
  const text = template.replace(
    /%(?:\((\w+)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?(.)/gs,
    (_, name, flags, width, precision, kind) => {
      if (kind === '%') return '%';
      let value: Value | undefined;
      if (name !== undefined) value = isDict(filling) ? filling.get(name) : undefined;
      else value = values[next++];
      if (value === undefined) throw new ChatTemplateError('not enough arguments for format string');
      const body = convert(value, kind, precision === undefined ? undefined : Number(precision), budget);
      const signed = flags.includes('+') && 'dfeg'.includes(kind) && !body.startsWith('-') ? `+${body}` : body;
      return pad(signed, flags.includes('-') ? '<' : '>', flags.includes('0') ? '0' : ' ', Number(width || 0));
    },
  );
  if (next < values.length && !isDict(filling)) {
    throw new ChatTemplateError('not all arguments converted during string formatting');
  }
  return budget.text(text);
}

/** `template.format(...args, **keywords)` with plain fields: `{}`, `{0}`, `{name}`, `{!r}`, `{:>8.2f}`. */
export function format(template: string, args: readonly Value[], keywords: Keywords, budget: Budget): string {
  let next = 0;
  const text = template.replace(
    /\{\{|\}\}|\{(\w*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g,
    (field: string, name: string | undefined, conversion: string | undefined, spec: string | undefined) => {
      if (field === '{{' || field === '}}') return field[0]!;
      if (name === undefined) throw new ChatTemplateError(`the field ${field} of a format string is not understood`);
      const value = name === '' ? args[next++] : /^\d+$/.test(name) ? args[Number(name)] : keywords.get(name);
      if (value === undefined) throw new ChatTemplateError(`nothing to fill in for {${name}}`);
      return applySpec(conversion === 'r' ? repr(value, budget) : value, spec ?? '', budget);
    },
  );
  return budget.text(text);
}

function applySpec(value: Value, spec: string, budget: Budget): string {
  if (spec === '') return str(value, budget);
  const match = /^(?:(.)?([<>^]))?(0?)(\d*)(,?)(?:\.(\d+))?([sdfeg%]?)$/su.exec(spec);
  if (!match) throw new ChatTemplateError(`the format ${JSON.stringify(spec)} is not understood`);
  const [, fill, align, zero, width, comma, precision, kind] = match;
  let body = convert(value, kind || 's', precision === undefined ? undefined : Number(precision), budget);
  if (comma) body = body.replace(/\B(?=(?:\d{3})+(?!\d))/g, ',');
  const defaultAlign = isNumber(value) ? '>' : '<';
  return pad(body, align ?? defaultAlign, fill ?? (zero ? '0' : ' '), Number(width || 0));
}

function convert(value: Value, kind: string, precision: number | undefined, budget: Budget): string {
  if (kind === 's') return precision === undefined ? str(value, budget) : str(value, budget).slice(0, precision);
  if (kind === 'r') return repr(value, budget);
  if (!isNumber(value)) throw new ChatTemplateError(`%${kind} format: a number is required, not ${typeName(value)}`);
  const number = numberOf(value);
  if (kind === 'd' || kind === 'i') return str(Math.trunc(number), budget);
  if (kind === 'x' || kind === 'X' || kind === 'o') return Math.trunc(number).toString(kind === 'o' ? 8 : 16);
  const digits = Math.min(precision ?? 6, 100);
  if (kind === 'f' || kind === 'F') return number.toFixed(digits);
  if (kind === '%') return `${(number * 100).toFixed(digits)}%`;
  if (kind === 'e') return number.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
  if (kind === 'g') return floatText(Number(number.toPrecision(digits || 1))).replace(/\.0$/, '');
  throw new ChatTemplateError(`unsupported format character '${kind}'`);
}

/** `align`: `<`, `>` or `^`. */
export function pad(text: string, align: string, fill: string, width: number): string {
  if (width > WIDEST) throw new ChatTemplateError(`a text is to be padded to more than ${WIDEST} characters`);
  const missing = width - text.length;
  if (missing <= 0) return text;
  if (align === '<') return text + fill.repeat(missing);
  if (align === '>')
    return fill === '0' && /^[+-]/.test(text)
      ? text[0] + fill.repeat(missing) + text.slice(1)
      : fill.repeat(missing) + text;
  // Python puts the odd blank to the left where the width is odd too.
  const left = (missing >> 1) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

/** A float rounded to `digits` places, ties to even where the double is a tie. */
export function roundFloat(value: number, digits: number): Float {
  if (digits > 0) return new Float(Number(value.toFixed(Math.min(digits, 100))));
  const scale = 10 ** -digits;
  const scaled = value / scale;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return new Float(rounded * scale);
}
