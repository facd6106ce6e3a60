/** A Python of its own, with what the long suite runs from PyPI; made once, beside node_modules. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const packages = ['lm_eval[api]==0.4.13', 'openai==3.54.0', 'schemathesis==4.32.5'];
const folder = join(import.meta.dirname, '../../../.cache/harness');
const exec = promisify(execFile);

/** Where a program of it is. */
export const program = (name: string): string => join(folder, 'bin', name);

/** Installs what is missing; asks the network once. */
export async function installPython(): Promise<void> {
  const stamp = join(folder, 'installed.txt');
  if (existsSync(stamp)) return;
  await mkdir(folder, { recursive: true });
  await exec('python3', ['-m', 'venv', folder]);
  await exec(program('pip'), ['install', '--quiet', ...packages]);
  await writeFile(stamp, `${packages.join('\n')}\n`);
}

/** Runs a program of it; what it wrote. Rejects with all of that where its exit code is not 0. */
export async function runPython(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const offline = { HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' };
  try {
    const { stdout } = await exec(program(name), args, {
      cwd: tmpdir(), // they leave folders of their own
      env: { ...process.env, ...offline, ...env },
      maxBuffer: 2 ** 26,
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    throw new Error(`${message}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`);
  }
}
