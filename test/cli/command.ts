import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, vi } from 'vitest';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Command = (args: string[]) => Promise<number>;

/** What the commands of each test print, while it runs. */
export function captureOutput(): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  beforeEach(() => {
    Object.assign(output, { stdout: '', stderr: '' });
    spyOutput(output);
  });
  afterEach(() => vi.restoreAllMocks());
  return output;
}

/** Runs a command within the test. */
export async function runHere(command: Command, ...args: string[]): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  const spies = spyOutput(output);
  try {
    const code = await command(args);
    return { code, stdout: output.stdout, stderr: output.stderr.trimEnd() };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

function spyOutput(output: { stdout: string; stderr: string }) {
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text, done) => {
    output.stdout += text;
    (done as unknown as () => void)();
    return true;
  });
  const error = vi.spyOn(console, 'error').mockImplementation((line) => {
    output.stderr += `${line}\n`;
  });
  return [write, error];
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
