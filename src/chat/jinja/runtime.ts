import type { Budget } from './budget.ts';
import type { Value } from './values.ts';

/** What filters need of the interpreter. */
export interface Runtime {
  readonly budget: Budget;
  /** `object[key]` with Jinja's rules. */
  getItem(object: Value, key: Value): Value;
  applyFilter(name: string, value: Value, args: readonly Value[], keywords: ReadonlyMap<string, Value>): Value;
  /** A private character that marks untrusted text; '' where there is none. */
  readonly guard: string;
}
