/** Vitest's global setup of this suite: the package as a user has it, once for all test files. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { writeModel } from '../homes/model_file.ts';
import { packCheckout, type Tarball, unpackInto } from './pack.ts';

export interface Installed {
  readonly tarball: Tarball;
  /** A user's project: package.json, node_modules, model.gguf, and the examples: node.js, deno.ts, index.html. */
  readonly project: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Or why there is none: thrown in a global setup, it would end the tests of every room. */
    installed: Installed | string;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-package-'));
  provide('installed', await install(folder).catch(String));
  return () => rm(folder, { recursive: true });
}

async function install(folder: string): Promise<Installed> {
  const project = join(folder, 'project');
  const tarball = await packCheckout(folder);
  await unpackInto(project, tarball);
  await using model = await writeModel();
  await copyFile(model.path, join(project, 'model.gguf'));
  const examples = join(import.meta.dirname, '../../examples');
  await copyFile(join(examples, 'node.ts'), join(project, 'node.js')); // without types in it, it is JavaScript too
  await copyFile(join(examples, 'deno.ts'), join(project, 'deno.ts'));
  await copyFile(join(examples, 'browser.html'), join(project, 'index.html'));
  return { tarball, project };
}
