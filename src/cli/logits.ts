import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runCommand, UsageError } from './command.ts';
import { loadModel, modelArgs, modelUsage } from './model_options.ts';
import { promptArgs, readPrompt } from './prompt_options.ts';

const usage = `usage: webgguf logits -m MODEL (-p TEXT | -f FILE | --tokens 1,2,3) -o OUT [options]

Writes the logits after every token: float32, little endian, [tokens, vocabulary].

  -p, -f, --tokens       as in generate
  -o OUT                 the file to write
${modelUsage}`;

export async function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        ...modelArgs,
        ...promptArgs,
        output: { type: 'string', short: 'o' },
      },
    });
    if (values.output === undefined) throw new UsageError('name the file to write with -o');
    const prompt = await readPrompt(values);
    await using llm = await loadModel(values, signal);
    const tokens = typeof prompt === 'string' ? llm.tokenizer.encode(prompt) : prompt;
    const file = await open(values.output, 'w');
    try {
      for await (const rows of llm.logitRows(tokens, signal)) await file.write(rows);
    } finally {
      await file.close();
    }
    if (!values.quiet)
      console.error(`${tokens.length} rows of ${llm.tokenizer.vocabLength} logits in ${values.output}`);
  });
}
