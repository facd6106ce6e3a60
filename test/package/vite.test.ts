/** A page that imports the package, built by Vite for production: its size, and what is in it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'vite';
import { afterAll, describe, expect, test } from 'vitest';
import { openChromium } from '../homes/chromium.ts';
import { installed } from './installed.ts';
import { node } from './run.ts';

const { project, tarball } = installed();
const example = await readFile(join(project, 'index.html'), 'utf8');
const expected = await node(project, 'node.js', 'model.gguf');
const chromium = await openChromium(project);
afterAll(() => chromium[Symbol.asyncDispose]());

const largestBytes = 150_000; // compressed, without the model
// doctor has the checks, in the same package
const checking = /_cases\.|case_data|kernels\/index|gpu\/check\./;
const elsewhere = /\/cli\/|runtime\/(node|deno)|^(webgpu|yaml)\/|node:|vite-browser-external/;

describe.each(['browser', 'worker'])('webgguf/%s', async (home) => {
  const name = `${home}.html`;
  await writeFile(join(project, name), example.replace('webgguf/browser', `webgguf/${home}`));
  const { modules, scripts } = await bundle(name);

  test('is small', () => {
    const sizes = Object.entries(scripts).map(([path, code]) => [path, gzipSync(code).length] as const);
    const total = sizes.reduce((sum, [, byteLength]) => sum + byteLength, 0);
    console.log([...sizes, ['in all', total]].map(([path, bytes]) => `${path}: ${bytes} bytes gzipped`).join('\n'));
    expect(total).toBeLessThan(largestBytes);
  });

  test('holds no test, no reference, and nothing of another home', () => {
    expect(modules['webgguf/dist/kernels/flash_attn.js']).toContain('flash_attn');
    expect(tarball.files.filter((path) => checking.test(path)).length).toBeGreaterThan(4);
    const paths = Object.keys(modules);
    expect(paths.filter((path) => checking.test(path) || elsewhere.test(path))).toEqual([]);
    const ofKernels = paths.filter((path) => path.includes('/kernels/')).flatMap((path) => modules[path]);
    expect(ofKernels.filter((name) => name === 'reference' || name?.endsWith('Checks'))).toEqual([]);
  });

  test('runs', async () => {
    const { page, until } = await chromium.open(`dist/${name}?model=/model.gguf`);
    await until(`document.querySelector('pre').textContent.length >= ${expected.length}`);
    expect(await page.evaluate("document.querySelector('pre').textContent")).toBe(expected);
    await page.close();
  });
});

interface Bundle {
  /** The exports in it by module, of the page's own chunks and of its workers'; none where only parts are used. */
  readonly modules: Readonly<Record<string, readonly string[]>>;
  /** Code by file name. */
  readonly scripts: Readonly<Record<string, string>>;
}

/** Builds a page of the project into its dist. */
async function bundle(page: string): Promise<Bundle> {
  const modules: Record<string, string[]> = {};
  const scripts: Record<string, string> = {};
  const collect = (): Plugin => ({
    name: 'collect',
    generateBundle(_, output) {
      for (const chunk of Object.values(output)) {
        if (chunk.type !== 'chunk') continue;
        scripts[chunk.fileName] = chunk.code;
        for (const [path, { renderedLength, renderedExports }] of Object.entries(chunk.modules)) {
          if (renderedLength > 0) modules[path.replace(/^.*\/node_modules\//, '')] = renderedExports;
        }
      }
    },
  });
  await build({
    root: project,
    base: '/dist/',
    configFile: false,
    logLevel: 'error',
    build: { rolldownOptions: { input: join(project, page) }, emptyOutDir: false },
    plugins: [collect()],
    worker: { format: 'es', plugins: () => [collect()] },
  });
  return { modules, scripts };
}
