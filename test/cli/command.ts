import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { vi } from 'vitest';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Command = (args: string[]) => Promise<number>;

/** Runs a command within the test. */
export async function runHere(command: Command, ...args: string[]): Promise<Outcome> {
  let [stdout, stderr] = ['', ''];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text, done) => {
      stdout += text;
      (done as unknown as () => void)();
      return true;
    }),
    vi.spyOn(console, 'error').mockImplementation((line) => {
      stderr += `${line}\n`;
    }),
  ];
  try {
    return { code: await command(args), stdout, stderr: stderr.trimEnd() };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** What node runs for a command in a process of its own. */
export const commandProcess = fileURLToPath(new URL('./command_process.ts', import.meta.url));

/** Runs `src/cli/NAME.ts` in a process of its own; its time is that of the processor, whoever else is at work. */
export async function runApart(
  name: string,
  ...args: string[]
): Promise<Outcome & { cpuSeconds: number; maxRssBytes: number }> {
  const done = promisify(execFile)(process.execPath, [commandProcess, name, ...args], { maxBuffer: 2 ** 28 });
  const { stdout, stderr, code = 0 } = await done.catch((error) => error);
  const lines = stderr.trimEnd().split('\n');
  const { cpuSeconds, maxRssBytes } = JSON.parse(lines.pop() as string);
  return { code, stdout, stderr: lines.join('\n'), cpuSeconds, maxRssBytes };
}
