/** Tools as callers give them, and calls as they get them. */

/** What a model may call, as OpenAI's API has it. */
export interface Tool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string | undefined;
    /** JSON schema of the arguments, an object. Default: any object. */
    readonly parameters?: { readonly [keyword: string]: unknown } | undefined;
    /** Whether a schema that cannot be enforced is an error. Default: arguments are then any object. */
    readonly strict?: boolean | null | undefined;
  };
}

/** Whether a tool is called, and which. */
export type ToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | { readonly type: 'function'; readonly function: { readonly name: string } };

/** A part of a call, as it comes. */
export interface ToolCallDelta {
  /** Which of the answer's calls, from 0 on. */
  readonly index: number;
  /** With the first part of each. */
  readonly id?: string;
  readonly name?: string;
  /** JSON, piece by piece. */
  readonly arguments: string;
}

/** A call of one of some tools: its arguments have the type that the tool's schema describes, where it is `as const`. */
export type ToolCall<Tools extends readonly Tool[] = readonly Tool[]> = {
  [I in keyof Tools]: {
    readonly id: string;
    readonly name: Tools[I]['function']['name'];
    /** As an object; undefined where the answer was cut off within them. */
    readonly arguments: ArgumentsOf<Tools[I]> | undefined;
    /** As the model wrote them: JSON. */
    readonly argumentsText: string;
  };
}[number];

type ArgumentsOf<T extends Tool> = T['function'] extends { readonly parameters: infer S }
  ? ValueOf<S>
  : Record<string, unknown>;

/** The type of a JSON schema's values, as far as TypeScript can tell. */
export type ValueOf<S> = S extends { readonly const: infer V }
  ? V
  : S extends { readonly enum: readonly (infer V)[] }
    ? V
    : S extends { readonly anyOf: readonly (infer A)[] }
      ? ValueOf<A>
      : S extends { readonly type: infer T }
        ? T extends readonly (infer U)[]
          ? OfType<U, S>
          : OfType<T, S>
        : unknown;

type OfType<T, S> = T extends 'string'
  ? string
  : T extends 'number' | 'integer'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : T extends 'array'
          ? S extends { readonly items: infer I }
            ? ValueOf<I>[]
            : unknown[]
          : T extends 'object'
            ? ObjectOf<S>
            : unknown;

type ObjectOf<S> = S extends { readonly properties: infer P }
  ? { [K in keyof P as K extends RequiredOf<S> ? K : never]: ValueOf<P[K]> } & {
      [K in keyof P as K extends RequiredOf<S> ? never : K]?: ValueOf<P[K]>;
    }
  : Record<string, unknown>;

type RequiredOf<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;
