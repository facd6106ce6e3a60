import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { lavapipe } from '../../vitest.config.ts';

const root = join(import.meta.dirname, '../..');

export const pocket = join(root, 'models/pocket-q8_0.gguf');

export interface Started extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly pid: number;
  /** All that it wrote on stderr so far. */
  readonly log: string[];
  /** Ends it; its exit code, or the signal's name where it had to be killed. */
  stop(signal: NodeJS.Signals): Promise<number | string>;
}

/** `webgguf serve` in a process of its own, on lavapipe and a free port; the model is loaded. */
export async function startServer(...args: string[]): Promise<Started> {
  const command = [join(root, 'src/cli/main.ts'), 'serve', '--port', '0', ...args];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, ...lavapipe, XDG_RUNTIME_DIR: '/tmp' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const log: string[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  createInterface(child.stderr).on('line', (line) => {
    log.push(line);
    const [, url] = / answers at (http:\S+)\/v1$/.exec(line) ?? [];
    if (url) resolve(url);
  });
  const early = exited.then((code) => {
    throw new Error(`serve ended with ${code}\n${log.join('\n')}`);
  });
  const url = await Promise.race([promise, early]);
  early.catch(() => undefined);
  const stop = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return {
    url,
    pid: child.pid!,
    log,
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
    },
  };
}
