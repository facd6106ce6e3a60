import { parseArgs } from 'node:util';
import { printExactly, runCommand, UsageError } from './command.ts';
import { parseTokens } from './prompt_options.ts';
import { openTokenizer, tokenizerArgs } from './tokenize.ts';

const usage = `usage: webgguf detokenize -m MODEL --tokens 1,2,3 [options]

The text of the ids, byte for byte (on a terminal a newline follows). Control tokens are left out unless --special.

  --special              show control tokens by their text
  --space-prefix WHERE   never, first or afterSpecial (default: what the file says): which spaces were put there by
                         tokenize, to be taken away again`;

export async function run(args: string[]): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: { ...tokenizerArgs, tokens: { type: 'string' }, special: { type: 'boolean' } },
    });
    if (values.tokens === undefined) throw new UsageError('give the ids with --tokens');
    const tokens = parseTokens(values.tokens);
    const tokenizer = await openTokenizer(values);
    await printExactly(tokenizer.decode(tokens, { special: values.special ?? false }));
  });
}
