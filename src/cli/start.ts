/**
 * `npm start`: a conversation with the built-in model, or with the one that `-- -m MODEL` names. Where nobody sits at a
 * terminal, three questions and their answers.
 */
import { parseArgs } from 'node:util';
import type { LocalLLM } from '../index.ts';
import { requireBuiltinModel } from './builtin_model.ts';
import { ChatHistory } from './chat/history.ts';
import { run as chat } from './chat.ts';
import { print, runCommand } from './command.ts';
import { formatSpeeds, run as generate } from './generate.ts';
import { loadModel, modelArgs, modelUsage } from './model_options.ts';

const usage = `usage: npm start -- [-m MODEL [-p TEXT]] [options]

${modelUsage}`;

/** The last asks for what the first told, in another language. */
const questions = ['Hola, me llamo Marta.', 'Zein da Portugalen hiriburua?', 'What is my name?'];

const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('interrupted')));
process.exitCode = await start(process.argv.slice(2), controller.signal);

function start(args: string[], signal: AbortSignal): Promise<number> {
  const has = (option: RegExp) => args.some((arg) => option.test(arg));
  if (has(/^(-[pf]|--(prompt|file|tokens)\b)/)) return generate(args, signal);
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (isTerminal || has(/^(-m|--model\b)/)) return chat(args, signal, 'npm start --');
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({ args, options: modelArgs });
    await using llm = await loadModel({ ...values, model: requireBuiltinModel() }, signal);
    console.error(`${llm.info.name}, the built-in model, on ${llm.info.adapter}\n`);
    await askAll(llm, signal);
    console.error('On a terminal this is a conversation. With another model: npm start -- -m MODEL.gguf');
  });
}

async function askAll(llm: LocalLLM, signal: AbortSignal): Promise<void> {
  const history = new ChatHistory();
  for (const question of questions) {
    await print(`> ${question}\n`);
    history.ask(question);
    history.answer(await printedAnswer(llm, history, signal));
  }
}

/** Prints the answer as it comes, its speeds on stderr; returns it whole. */
async function printedAnswer(llm: LocalLLM, { messages }: ChatHistory, signal: AbortSignal): Promise<string> {
  const tokens = llm.chat(messages, { temperature: 0, signal });
  let answer = '';
  for (;;) {
    const { value, done } = await tokens.next();
    const part = done ? value.textEnd : value.text;
    answer += part;
    await print(part);
    if (!done) continue;
    await print('\n\n');
    console.error(formatSpeeds(value));
    return answer;
  }
}
