/** `npm run test:install`, which needs the network: the package installed as from npm's registry, into empty folders. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeModel } from '../../homes/model_file.ts';
import { packCheckout } from '../pack.ts';
import { run } from '../run.ts';
import { serveRegistry } from './server.ts';

const root = join(import.meta.dirname, '../../..');
const folder = await mkdtemp(join(tmpdir(), 'webgguf-install-'));
afterAll(() => rm(folder, { recursive: true }));
const model = await writeModel();
afterAll(() => model[Symbol.asyncDispose]());
const tarball = await packCheckout(folder);
const registry = await serveRegistry(tarball);
afterAll(() => registry[Symbol.asyncDispose]());
const project = join(folder, 'project');
await mkdir(project);

test('npm install TARBALL, then Node and the command line', async () => {
  await run(project, 'npm', ['init', '-y', '--init-type', 'module']);
  await run(project, 'npm', ['install', tarball.path]);
  await copyFile(join(root, 'examples/node.ts'), join(project, 'node.js'));
  const text = await run(project, 'node', ['node.js', model.path]);
  expect(text.length).toBeGreaterThan(40);

  expect(await run(project, 'npx', ['webgguf', '--help'])).toMatch(/^usage: webgguf COMMAND/);
  const prompt = ['-p', 'Once upon a time', '-n', '64', '--temperature', '0'];
  expect(await run(project, 'npx', ['webgguf', 'generate', '-m', model.path, ...prompt])).toContain(text);
});

test('Deno: npm:webgguf', async () => {
  const alone = join(folder, 'deno');
  await mkdir(alone);
  const code = await readFile(join(root, 'examples/deno.ts'), 'utf8');
  await writeFile(join(alone, 'deno.ts'), code.replace('webgguf/deno', 'npm:webgguf/deno'));
  const deno = join(root, 'node_modules/.bin/deno');
  const environment = { NPM_CONFIG_REGISTRY: registry.url, DENO_DIR: join(folder, 'deno-cache') };
  const text = await run(alone, deno, ['run', '-A', '--unstable-webgpu', 'deno.ts', model.path], environment);
  expect(text).toBe(await run(project, 'node', ['node.js', model.path]));
});
