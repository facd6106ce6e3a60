import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './run.ts';

const checkout = join(import.meta.dirname, '../..');

export interface Tarball {
  readonly path: string;
  /** What it was packed of. */
  readonly checkout: string;
  readonly integrity: string;
  readonly byteLength: number;
  /** Paths within the package. */
  readonly files: readonly string[];
}

/** `npm pack`, which builds, on a copy of the checkout in `folder`: the checkout's own dist stays as it is. */
export async function packCheckout(folder: string): Promise<Tarball> {
  const copy = join(folder, 'checkout');
  await mkdir(copy);
  for (const name of [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'LICENSE',
    'README.md',
    'src',
    'kernels',
    'models/pocket-q8_0.gguf',
    'models/pocket.golden.json',
  ]) {
    await cp(join(checkout, name), join(copy, name), { recursive: true });
  }
  await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  const stdout = await run(copy, 'npm', ['pack', '--json', '--foreground-scripts', '--pack-destination', folder]);
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))); // the build's own lines come before
  const files = (packed.files as { path: string }[]).map(({ path }) => path);
  const { filename, integrity, size } = packed;
  return { path: join(folder, filename), checkout: copy, integrity, byteLength: size, files };
}

/** Unpacks the tarball into a new project of ES modules, its declared dependencies as links: no network is asked. */
export async function unpackInto(project: string, tarball: Tarball): Promise<void> {
  const installed = join(project, 'node_modules/webgguf');
  await mkdir(installed, { recursive: true });
  await run(installed, 'tar', ['-xzf', tarball.path, '--strip-components=1']);
  const { version, dependencies } = await readManifest(installed);
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = join(project, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(checkout, 'node_modules', name), link);
  }
  await writeManifest(project, version);
}

/** A project that depends on webgguf. */
export function writeManifest(project: string, webgguf: string): Promise<void> {
  return writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module', dependencies: { webgguf } }));
}

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
}

export interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
}
