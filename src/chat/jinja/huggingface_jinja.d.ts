// The package's own types import without extensions, which `nodenext` does not resolve. These are the parts in use.
declare module '@huggingface/jinja' {
  export function tokenize(source: string): { value: string; type: string }[];
  export function parse(tokens: readonly { value: string; type: string }[]): import('./ast.ts').Node;
}
