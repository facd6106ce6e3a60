import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { print, runCommand, UsageError } from './command.ts';
import { loadModel, modelArgs, modelUsage } from './model_options.ts';
import { wholeNumber, wholeOrZero } from './option_values.ts';
import { perplexity } from './perplexity/formula.ts';
import { StatusLine } from './progress.ts';

const usage = `usage: webgguf perplexity -m MODEL -f FILE [--window 512] [--skip N] [--json] [options]

How well the model knows a text, as llama-perplexity tells it: exp of the mean of −ln p over the second half of
every window.

  -f FILE                the text
  --window N             tokens of a window, which begins with BOS where the model has one (default 512)
  --skip N               predictions at its beginning that do not count (default: half of them)
  --json                 one object instead of a line
${modelUsage}`;

export async function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        ...modelArgs,
        file: { type: 'string', short: 'f' },
        window: { type: 'string' },
        skip: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    if (values.file === undefined) throw new UsageError('name the text with -f');
    const windowLength = wholeNumber('--window', values.window);
    const skip = wholeOrZero('--skip', values.skip);
    const text = await readFile(values.file, 'utf8');
    await using llm = await loadModel(values, signal);
    const status = new StatusLine();
    const start = performance.now();
    const result = await perplexity(llm, text, {
      ...(windowLength && { windowLength }),
      ...(skip !== undefined && { skip }),
      ...(signal && { signal }),
      onWindow({ windows, perplexity }, windowCount) {
        if (!values.quiet) status.update(() => `window ${windows} of ${windowCount}: ${perplexity.toFixed(4)} so far`);
      },
    });
    status.end();
    const tokensPerSecond = (1000 * result.windows * result.windowLength) / (performance.now() - start);
    const { precision, kvType, adapter } = llm.info;
    if (values.json) {
      return print(`${JSON.stringify({ ...result, tokensPerSecond, precision, kvType, adapter })}\n`);
    }
    const error = `${result.perplexity.toFixed(4)} ± ${result.standardError.toFixed(4)}`;
    const over = `${result.tokens} tokens of ${result.windows} windows of ${result.windowLength}`;
    await print(`perplexity ${error} over ${over}\n`);
    if (!values.quiet) console.error(`${precision}, ${tokensPerSecond.toFixed(1)} tok/s, on ${adapter}`);
  });
}
