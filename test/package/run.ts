import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const bin = join(import.meta.dirname, '../../node_modules/.bin');

/** Runs a program in a folder; what it wrote to stdout. Rejects, with all it wrote, where its exit code is not 0. */
export async function run(
  folder: string,
  program: string,
  args: readonly string[],
  environment?: NodeJS.ProcessEnv,
): Promise<string> {
  try {
    const env = { ...process.env, ...environment };
    const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    throw new Error(`${message}\n${stdout}${stderr}`);
  }
}

/** The Node that runs the tests, without any condition: what is imported is the build. */
export const node = (folder: string, ...args: string[]): Promise<string> => run(folder, process.execPath, args);

/** The checkout's Deno, on the project's own node_modules; types are checked too. */
export const deno = (folder: string, ...args: string[]): Promise<string> =>
  run(folder, join(bin, 'deno'), ['run', '--check', '-A', '--unstable-webgpu', '--node-modules-dir=manual', ...args]);

/** One of the checkout's compilers. */
export const compile = (folder: string, compiler: 'tsc' | 'tsc6', ...args: string[]): Promise<string> =>
  run(folder, join(bin, compiler), args);
