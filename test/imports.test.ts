/** Holds the house's order (the README's map) by reading every source's imports: who may know whom, and who may know the platform. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { type AstNode, nodesOf, parseSource } from './syntax_tree.ts';

/** What a room's files may import from outside: other rooms, other rooms' types alone, packages. */
interface Rule {
  readonly rooms?: readonly string[];
  readonly types?: readonly string[];
  readonly packages?: readonly string[];
  /** May use `node:` modules and the globals of one platform. */
  readonly platform?: true;
}

const CORE = ['gguf', 'tokenizer', 'chat', 'grammar', 'gpu', 'kernels', 'weights', 'models', 'decoding'];

const RULES: Readonly<Record<string, Rule>> = {
  gguf: {},
  tokenizer: { types: ['gguf'], packages: ['@huggingface/tokenizers'] },
  chat: { types: ['gguf', 'tokenizer', 'grammar'], packages: ['@huggingface/jinja'] },
  grammar: {},
  gpu: { packages: ['wgsl-preprocessor'] },
  kernels: { types: ['gpu'], packages: ['wgsl-preprocessor'] },
  weights: { rooms: ['gpu', 'kernels', 'gguf'] },
  models: { rooms: ['kernels', 'gpu', 'weights'], types: ['gguf'] },
  decoding: { rooms: ['models', 'kernels', 'gpu'], types: ['gguf', 'weights', 'grammar', 'chat'] },
  llm: { rooms: CORE },
  index: { rooms: [...CORE, 'llm', 'storage'] },
  storage: { rooms: ['gguf'], packages: ['@noble/hashes'] },
  runtime: { rooms: ['index', 'gguf', 'gpu', 'storage'], packages: ['webgpu'], platform: true },
  worker: { rooms: ['index', 'runtime'], platform: true },
  server: { rooms: ['index', 'runtime'], packages: ['hono', 'zod', 'pino', 'prom-client'] },
  inspect: { rooms: ['gguf', 'tokenizer', 'gpu', 'kernels', 'weights', 'models'] },
  bench: { rooms: ['kernels', 'gpu'], types: ['index'], packages: ['wgsl-preprocessor'] },
  doctor: { rooms: ['kernels', 'gpu'], types: ['index'] },
  // inspect, tokenize, template and quantize work on one room alone, without an LLM
  cli: {
    rooms: ['index', 'runtime', 'inspect', 'doctor', 'bench', 'server', ...CORE],
    packages: ['webgpu', 'yaml', '@hono/node-server'],
    platform: true,
  },
  demo: {
    rooms: ['index', 'runtime', 'worker', 'inspect', 'doctor', 'gguf', 'gpu', 'kernels', 'models'],
    packages: ['preact', '@preact/signals', 'marked', 'dompurify', 'idb-keyval', 'vite'],
    platform: true,
  },
};

/** Names that exist in one home only, or differ between them. */
const PLATFORM_GLOBALS = new Set(['process', 'Buffer', 'require', 'Deno', 'Bun', 'window', 'document', 'navigator']);

/** Block types by name. F32, F16 and BF16 are also words of WGSL and of precision, so they can't be told apart here. */
const QUANT_NAME = /^(i?q\d_\w+|tq\d_\w+|mxfp4)$/i;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const root = join(import.meta.dirname, '..');
const files = globSync(['src/**/*.ts', 'kernels/**/*.ts', 'demo/**/*.{ts,tsx}'], { cwd: root })
  .filter((path) => !path.includes('node_modules'))
  .sort();
const trees = new Map(files.map((path) => [path, nodesOf(parseSource(path, readFileSync(join(root, path), 'utf8')))]));
const imports = files.flatMap((path) => importsOf(path, trees.get(path)!));

test('every room has a rule', () => {
  expect([...new Set(files.map(roomOf))].filter((room) => !(room in RULES))).toEqual([]);
});

test('rooms import only the rooms below them', () => {
  const wrong = imports.filter(({ from, to, typeOnly }) => {
    const [room, other] = [roomOf(from), roomOf(to)];
    if (!isSource(to) || room === other) return false;
    const { rooms = [], types = [] } = RULES[room] ?? {};
    return !rooms.includes(other) && !(typeOnly && types.includes(other));
  });
  expect(wrong.map(show)).toEqual([]);
});

test('packages are imported by the rooms that wrap them', () => {
  const wrong = imports.filter(({ from, to }) => {
    const { packages = [], platform } = RULES[roomOf(from)] ?? {};
    if (isSource(to) || isData(to)) return false;
    return to.startsWith('node:') ? !platform : !packages.some((name) => to === name || to.startsWith(`${name}/`));
  });
  expect(wrong.map(show)).toEqual([]);
});

test('globals of one platform are used in runtime and at the ends of the house', () => {
  const strict = files.filter((path) => !RULES[roomOf(path)]?.platform);
  expect(strict.flatMap((path) => platformGlobals(trees.get(path)!).map((name) => `${path}: ${name}`))).toEqual([]);
});

test('code branches on a quant in kernels/quants alone', () => {
  const others = files.filter((path) => !path.startsWith('kernels/quants/'));
  expect(others.flatMap((path) => quantBranches(trees.get(path)!).map((name) => `${path}: ${name}`))).toEqual([]);
});

test('no import goes round in a circle', () => {
  const edges = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  );
  expect(findCycle(files, (path) => (edges.get(path) ?? []).map(({ to }) => to))?.join(' → ')).toBeUndefined();
});

test('the checks see what they look for', () => {
  const nodes = (text: string) => nodesOf(parseSource('x.ts', text));
  const seen = importsOf(
    'src/a/x.ts',
    nodes("import type { A } from '../b/b.ts'; import { c } from './c.ts'; await import('node:fs');"),
  );
  expect(seen.map(show)).toEqual([
    'src/a/x.ts → src/b/b.ts (types)',
    'src/a/x.ts → src/a/c.ts',
    'src/a/x.ts → node:fs',
  ]);
  expect(
    importsOf('x.ts', nodes("import { type A } from './a.ts'; import { type B, c } from './b.ts';")).map(
      (i) => i.typeOnly,
    ),
  ).toEqual([true, false]);
  expect(
    importsOf('x.ts', nodes("export * from './a.ts'; export type { B } from './b.ts';")).map((i) => i.typeOnly),
  ).toEqual([false, true]);
  expect(platformGlobals(nodes('const x = typeof Deno; globalThis.process; a.window; ({ document: 1 });'))).toEqual([
    'Deno',
    'process',
  ]);
  expect(platformGlobals(nodes('function f(window: number) { return window; }'))).toEqual([]);
  expect(quantBranches(nodes("if (t === 'Q8_0') {} switch (t) { case 'iq4_nl': } const kv: 'q8_0' = 'q8_0';"))).toEqual(
    ['Q8_0', 'iq4_nl'],
  );
  const circle: Record<string, string[]> = { a: ['b'], b: ['c'], c: ['b'] };
  expect(findCycle(['a'], (path) => circle[path] ?? [])).toEqual(['b', 'c', 'b']);
});

/** The folder under src, or the file there (`llm`, `index`), or the top folder (`kernels`, `demo`). */
function roomOf(path: string): string {
  const [top, room] = path.split('/');
  return top === 'src' ? room!.replace(/\.ts$/, '') : top!;
}

function isSource(to: string): boolean {
  return /^(src|kernels|demo)\//.test(to);
}

/** The built-in model and what is recorded of it, which a bundler hands over. */
function isData(to: string): boolean {
  return /^models\/.*\.(json|gguf\?url)$/.test(to);
}

function show({ from, to, typeOnly }: Import): string {
  return `${from} → ${to}${typeOnly ? ' (types)' : ''}`;
}

/** Relative imports become paths from the root; an import of types alone leaves nothing at run time. */
function importsOf(path: string, nodes: readonly AstNode[]): Import[] {
  return nodes.flatMap((node) => {
    const { source, specifiers = [], importKind, exportKind } = node;
    if (!/^(Import|ExportNamed|ExportAll)(Declaration|Expression)$/.test(node.type) || !source?.value) return [];
    const kinds = specifiers.map((each) => each.importKind ?? each.exportKind);
    const inline = specifiers.length > 0 && kinds.every((kind) => kind === 'type');
    const target = String(source.value);
    const to = target.startsWith('.') ? relative(root, join(root, dirname(path), target)) : target;
    return [{ from: path, to, typeOnly: inline || importKind === 'type' || exportKind === 'type' }];
  });
}

function platformGlobals(nodes: readonly AstNode[]): string[] {
  const names = (found: readonly (AstNode | null | undefined)[]) => found.flatMap((node) => node?.name ?? []);
  const bound = nodes.flatMap((node) => [
    ...(node.params ?? []),
    ...(node.type === 'VariableDeclarator' ? [node.id] : []),
  ]);
  const local = new Set(names(bound));
  const ownNames = new Set(nodes.flatMap((node) => (node.computed ? [] : [node.property, node.key])));
  const free = nodes.filter((node) => node.type === 'Identifier' && !ownNames.has(node));
  const viaGlobal = nodes.filter((node) => node.object?.name === 'globalThis').map((node) => node.property);
  const used = names([...free, ...viaGlobal]).filter((name) => PLATFORM_GLOBALS.has(name) && !local.has(name));
  return [...new Set(used)];
}

function quantBranches(nodes: readonly AstNode[]): string[] {
  const compared = nodes.flatMap((node) => {
    if (node.type === 'BinaryExpression') return [node.left, node.right];
    return node.type === 'SwitchCase' ? [node.test] : [];
  });
  return compared
    .map((node) => node?.value)
    .filter((value) => typeof value === 'string' && QUANT_NAME.test(value)) as string[];
}

function findCycle(starts: readonly string[], next: (path: string) => readonly string[]): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    done.add(path);
    return firstDefined(next(path), (to) => visit(to, [...trail, path]));
  };
  return firstDefined(starts, (path) => visit(path, []));
}

function firstDefined<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
