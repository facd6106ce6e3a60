/** A TypeScript file as a flat list of syntax nodes, for the tests that read the sources. */
import { parseSync } from 'vite';

/** The fields of ESTree that the tests look at; all but `type` only on some nodes. */
export interface AstNode {
  readonly type: string;
  readonly name?: string;
  readonly value?: unknown;
  readonly computed?: boolean;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly source?: AstNode | null;
  readonly id?: AstNode | null;
  readonly object?: AstNode;
  readonly property?: AstNode;
  readonly key?: AstNode;
  readonly left?: AstNode;
  readonly right?: AstNode;
  readonly test?: AstNode | null;
  readonly params?: readonly AstNode[];
  readonly specifiers?: readonly AstNode[];
}

/** Throws where the text is no TypeScript. */
export function parseSource(path: string, text: string): AstNode {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  return program as unknown as AstNode;
}

/** The node and all below it, in the order of the source. */
export function nodesOf(node: AstNode): AstNode[] {
  const children = Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]));
  return [node, ...children.filter(isNode).flatMap(nodesOf)];
}

function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
