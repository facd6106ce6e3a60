import { harmless } from '../gguf/errors.ts';

/** What the command line got wrong; the usage follows. */
export class UsageError extends Error {}

/** The exit code of `action`: 0 done, 1 failed with one line on stderr, 2 used wrongly. `--help` prints the usage. */
export async function runCommand(args: readonly string[], usage: string, action: () => Promise<void>): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    await print(`${usage}\n`);
    return 0;
  }
  try {
    await action();
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = (error as { code?: unknown } | null)?.code;
    if (error instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'))) {
      console.error(`${message}\n\n${usage}`);
      return 2;
    }
    console.error(`error: ${harmless(message.replaceAll('\n', ' '))}`);
    return 1;
  }
}

/** Results go to stdout whole, before the process may end. */
export function print(text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => process.stdout.write(text, (error) => (error ? reject(error) : resolve())));
}

/** A text whose every byte counts: a newline follows on a terminal alone. */
export function printExactly(text: string): Promise<void> {
  return print(process.stdout.isTTY ? `${text}\n` : text);
}
