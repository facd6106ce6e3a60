/** The examples in docstrings compile, each as a module of a project that has the package. */
import { globSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installed } from './installed.ts';
import { readManifest } from './pack.ts';
import { compile } from './run.ts';

const { project } = installed();
const root = join(import.meta.dirname, '../..');

interface Example {
  /** A source, from the checkout's root. */
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

const examples = globSync('src/**/*.ts', { cwd: root }).flatMap(examplesIn);

test('each home’s load has one', async () => {
  const files = examples.map(({ file }) => file);
  expect(files).toEqual(expect.arrayContaining(Object.keys(await entryNames())));
});

test('all of them compile', async () => {
  const names = await entryNames();
  await mkdir(join(project, 'examples'));
  for (const { file, line, code } of examples) {
    const load = names[file] ? `import { load } from '${names[file]}';` : '';
    // what stands around an example: a model, and a page's elements
    const context = `
      import type { LLM } from 'webgguf';
      ${load}
      declare const llm: LLM;
      declare const input: HTMLInputElement & { files: FileList };
      declare const output: HTMLElement;
      declare const progress: HTMLProgressElement;
      {\n${code}\n}`;
    await writeFile(join(project, 'examples', `${file.replaceAll(/\W/g, '_')}_${line}.ts`), context);
  }
  const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'esnext', types: ['node'] };
  await writeFile(join(project, 'examples/tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  expect(await compile(project, 'tsc', '-p', 'examples')).toBe('');
});

/** The entry points that have a `load`: source to name. */
async function entryNames(): Promise<Record<string, string>> {
  const { exports } = await readManifest(root);
  const names: Record<string, string> = {};
  for (const [entry, targets] of Object.entries(exports)) {
    const source = typeof targets === 'string' ? undefined : targets['webgguf-source']?.replace('./', '');
    if (source && /export (const|async function) load\b/.test(readFileSync(join(root, source), 'utf8'))) {
      names[source] = entry.replace('.', 'webgguf');
    }
  }
  return names;
}

/** From `@example` to the next tag or the comment's end. */
function examplesIn(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  return Array.from(text.matchAll(/^ *\* @example\n((?: *\*(?! @|\/).*\n)+)/gm), ({ 1: lines = '', index }) => ({
    file,
    line: text.slice(0, index).split('\n').length,
    code: lines.replaceAll(/^ *\* ?/gm, ''),
  }));
}
