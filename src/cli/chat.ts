import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { requireBuiltinModel } from './builtin_model.ts';
import { exampleLines, greeting } from './chat/greeting.ts';
import { ChatHistory } from './chat/history.ts';
import { converse } from './chat/session.ts';
import { Terminal } from './chat/terminal.ts';
import { runCommand } from './command.ts';
import { printAnswer } from './generate.ts';
import { generateArgs, generateOptions, samplingUsage } from './generate_options.ts';
import { loadModel, modelArgs, modelUsage } from './model_options.ts';

const usage = `usage: webgguf chat [-m MODEL] [--system TEXT] [options]

A conversation, by the chat template of the model's file; without -m, with the built-in model. On a terminal /help tells
what can be done. Piped input is one turn of the user: webgguf chat -m MODEL < question.txt

  --system TEXT          what the assistant is to be
  -n N                   tokens of an answer, at most (default: until it is done, or the context full)
${samplingUsage}
${modelUsage}`;

const trial = { role: 'user', content: 'Hello' };

/** `command`: how the user called this. */
export async function run(args: string[], signal?: AbortSignal, command = 'webgguf chat'): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: { ...modelArgs, ...generateArgs, system: { type: 'string' } },
    });
    const options = { maxTokens: Number.POSITIVE_INFINITY, ...generateOptions(values, signal) };
    const history = new ChatHistory(values.system);
    if (values.model === undefined) {
      values.model = requireBuiltinModel();
      console.error(process.stdin.isTTY ? `${greeting(command)}\n${exampleLines()}` : greeting(command));
    }
    if (process.stdin.isTTY) {
      await using llm = await loadModel(values, signal);
      llm.chatTokens([...history.messages, trial]); // where there is no template, better said before a question
      using terminal = new Terminal(signal);
      await converse(llm, terminal, history, options);
      return;
    }
    const question = (await text(process.stdin)).replace(/\r?\n$/, '');
    if (question.trim() === '') throw new Error('the input is empty: pipe a question in, or run chat on a terminal');
    history.ask(question);
    await using llm = await loadModel(values, signal);
    await printAnswer(llm, llm.chat(history.messages, options), values.quiet ?? false);
  });
}
