/** GGUF's key-value pairs with typed access; a value of another type than asked for is a `GgufError` naming the key. */
export interface Metadata {
  has(key: string): boolean;
  keys(): Iterable<string>;
  /** The value as it stands: number, bigint (beyond 2^53), boolean, string, typed array or array. */
  get(key: string): unknown;
  /** A number of any width; `fallback` where the key is absent, an error where there is none. */
  number(key: string, fallback?: number): number;
  string(key: string, fallback?: string): string;
  boolean(key: string, fallback?: boolean): boolean;
  strings(key: string): readonly string[];
  numbers(key: string): ArrayLike<number>;
}
