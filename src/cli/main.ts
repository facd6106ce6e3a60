#!/usr/bin/env node
/** The command line: finds the command's file, turns its exit code into the process's. */

type Command = (args: string[], signal: AbortSignal) => Promise<number>;

const commands: Readonly<Record<string, () => Promise<{ run: Command }>>> = {
  generate: () => import('./generate.ts'),
  chat: () => import('./chat.ts'),
  serve: () => import('./serve.ts'),
  batch: () => import('./batch.ts'),
  logits: () => import('./logits.ts'),
  perplexity: () => import('./perplexity.ts'),
  tokenize: () => import('./tokenize.ts'),
  detokenize: () => import('./detokenize.ts'),
  quantize: () => import('./quantize.ts'),
  bench: () => import('./bench.ts'),
  inspect: () => import('./inspect.ts'),
  doctor: () => import('./doctor.ts'),
  template: () => import('./template.ts'),
};

const usage = `usage: webgguf COMMAND [options]

commands: ${Object.keys(commands).join(', ')}
webgguf COMMAND --help tells a command's options`;

const [name = '', ...args] = process.argv.slice(2);
const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => controller.abort(new Error('interrupted'))); // a second one ends the process
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // `| head` has seen enough
  throw error;
});

process.exitCode = await main();

async function main(): Promise<number> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    const asked = ['', 'help', '--help', '-h'].includes(name);
    (asked ? console.log : console.error)(asked ? usage : `there is no command ${JSON.stringify(name)}\n\n${usage}`);
    return asked && name !== '' ? 0 : 2;
  }
  const { run } = await command();
  return run(args, controller.signal);
}
