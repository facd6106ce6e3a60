/** What the tarball holds, and what its manifest promises. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodesOf, parseSource } from '../syntax_tree.ts';
import { installed } from './installed.ts';
import { readManifest } from './pack.ts';

const { project, tarball } = installed();
const { files, byteLength } = tarball;
const folder = join(project, 'node_modules/webgguf');
const manifest = await readManifest(folder);

test('modules, their types, the built-in model, and three pages of text', () => {
  const other = files.filter((path) => !/^dist\/(src|kernels)\/[\w/]+(\.js|\.d\.ts)$/.test(path));
  const model = ['models/pocket-q8_0.gguf', 'models/pocket.golden.json'];
  expect(other.sort()).toEqual(['LICENSE', 'README.md', ...model, 'package.json']);
  expect(byteLength).toBeLessThan(4_300_000); // all but 300,000 of them the model
});

test('the built-in model is where the commands look for it', async () => {
  const { hasBuiltinModel } = await import(join(folder, 'dist/src/cli/builtin_model.js'));
  expect(hasBuiltinModel()).toBe(true);
});

test('nothing that serves the checkout alone', () => {
  const ofCheckout = /\/cli\/(setup|start)|find_browser|models\/random_/;
  expect(files.filter((path) => ofCheckout.test(path))).toEqual([]);
});

test('what the manifest names is there', () => {
  const targets = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : [entry.types!, entry.default!],
  );
  const promised = [...targets, ...Object.values(manifest.bin)].map((path) => path.replace('./', ''));
  expect(promised.length).toBeGreaterThanOrEqual(10);
  expect(promised.filter((path) => !files.includes(path))).toEqual([]);
});

test('every import leads to a module of the package, a declared dependency or Node', async () => {
  const known = new Set([...files, ...Object.keys(manifest.dependencies)]);
  const wrong: string[] = [];
  for (const path of files.filter((file) => file.endsWith('.js'))) {
    for (const target of importsOf(path, await readFile(join(folder, path), 'utf8'))) {
      const to = target.startsWith('.') ? join(path, '..', target) : packageOf(target);
      if (!known.has(to) && !to.startsWith('node:')) wrong.push(`${path}: ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

/** Static and dynamic imports, and what is exported from elsewhere. */
function importsOf(path: string, code: string): string[] {
  return nodesOf(parseSource(path, code)).flatMap(({ type, source }) =>
    /^(Import|ExportNamed|ExportAll)(Declaration|Expression)$/.test(type) && source ? [String(source.value)] : [],
  );
}

/** `@scope/name/file.js` is `@scope/name`'s. */
function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}
