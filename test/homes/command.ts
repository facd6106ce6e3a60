import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/** Runs a program in the checkout; what it wrote to stdout. Rejects, with stderr, where its exit code is not 0. */
async function run(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: root });
  return stdout;
}

/** The checkout's own Deno; `webgguf/deno` is the source, not a build. */
export function deno(script: string, ...args: string[]): Promise<string> {
  const flags = ['-A', '--unstable-webgpu', '--conditions=webgguf-source'];
  return run(join(root, 'node_modules/.bin/deno'), ['run', ...flags, script, ...args]);
}

/** The Node that runs the tests. */
export function node(script: string, ...args: string[]): Promise<string> {
  return run(process.execPath, ['--conditions=webgguf-source', script, ...args]);
}
