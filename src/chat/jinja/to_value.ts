import { ChatTemplateError } from '../errors.ts';
import type { Guard } from '../guard.ts';
import { Float, type Value } from './values.ts';

/** Under this key a role stands: what templates compare it with and put between `<|` and `|>`. */
const ROLE = 'role';

/** JSON's values as a template sees them, every text marked by `guard` but for names of keys and roles. */
export function toValue(json: unknown, guard: Guard): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === 'string') return guard.mark(json);
  if (typeof json === 'boolean') return json;
  if (typeof json === 'number') return Number.isInteger(json) ? json : new Float(json);
  if (json instanceof Float) return json;
  if (Array.isArray(json)) return json.map((item) => toValue(item, guard));
  if (typeof json === 'object') {
    const entries = Object.entries(json).filter(([, value]) => value !== undefined);
    return new Map<Value, Value>(
      entries.map(([key, value]) => [key, key === ROLE && typeof value === 'string' ? value : toValue(value, guard)]),
    );
  }
  throw new ChatTemplateError(`a conversation cannot hold a ${typeof json}`);
}

/** JSON as Python reads it: 1.0 is a float, which prints as 1.0, where JavaScript has the number 1 alone. */
export function parseJson(text: string): unknown {
  type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;
  const reviver: Reviver = (_key, value, context) =>
    typeof value === 'number' && /[.eE]/.test(context?.source ?? '') ? new Float(value) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}
