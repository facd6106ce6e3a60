/** What all grammars are made of, whatever language they are written in. */
import type { CodePoints } from './code_points.ts';

export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'class'; readonly points: CodePoints }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  /** Without items nothing matches. */
  | { readonly kind: 'choice'; readonly items: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly item: Expression; readonly min: number; readonly max: number }
  | { readonly kind: 'rule'; readonly name: string };

/** Rules by name; the whole text is `root`. */
export interface Grammar {
  readonly root: string;
  readonly rules: ReadonlyMap<string, Expression>;
}

export const nothing: Expression = { kind: 'choice', items: [] };
export const text = (of: string): Expression => ({ kind: 'text', text: of });
export const oneOf = (points: CodePoints): Expression => ({ kind: 'class', points });
export const rule = (name: string): Expression => ({ kind: 'rule', name });

export function sequence(...items: readonly Expression[]): Expression {
  return items.length === 1 ? (items[0] as Expression) : { kind: 'sequence', items };
}

export function choice(...items: readonly Expression[]): Expression {
  return items.length === 1 ? (items[0] as Expression) : { kind: 'choice', items };
}

export function repeat(item: Expression, min: number, max = Number.POSITIVE_INFINITY): Expression {
  return { kind: 'repeat', item, min, max };
}

export const optional = (item: Expression): Expression => repeat(item, 0, 1);
