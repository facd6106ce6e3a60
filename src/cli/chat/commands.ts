/** What the user can say to the program, rather than to the model. */
import { readFile, writeFile } from 'node:fs/promises';
import type { ChatHistory } from './history.ts';

export interface CommandContext {
  readonly history: ChatHistory;
  /** The last answer's speeds, and how full the context is. */
  stats(): string;
}

/** What to tell the user, and what comes next where it is not the user's turn again. */
export interface Outcome {
  readonly say?: string;
  readonly next?: 'answer' | 'exit';
}

interface Command {
  /** What stands behind the name; every command that takes something needs it, but for [brackets]. */
  readonly takes?: string;
  readonly help: string;
  run(context: CommandContext, argument: string): Outcome | Promise<Outcome>;
}

const commands: Readonly<Record<string, Command>> = {
  help: { help: 'what you read', run: () => ({ say: helpText() }) },
  system: {
    takes: '[TEXT]',
    help: 'what the assistant is to be; without TEXT: what it is',
    run({ history }, text) {
      if (text === '') return { say: history.system ?? 'there is no system message' };
      history.system = text;
      return { say: 'from now on' };
    },
  },
  reset: {
    help: 'begin anew; the system message stays',
    run({ history }) {
      history.reset();
      return { say: 'a new conversation' };
    },
  },
  undo: {
    help: 'take back your last message and its answer',
    run: ({ history }) => ({ say: history.undo() ? `taken back; ${countText(history)}` : 'there is nothing to undo' }),
  },
  retry: {
    help: 'another answer to your last message',
    run: ({ history }) => (history.reopen() ? { next: 'answer' } : { say: 'there is nothing to answer' }),
  },
  save: {
    takes: 'FILE',
    help: 'write the conversation, as JSON',
    async run({ history }, file) {
      await writeFile(file, history.toJson());
      return { say: `saved in ${file}` };
    },
  },
  load: {
    takes: 'FILE',
    help: 'go on with a conversation that was saved',
    async run({ history }, file) {
      history.readJson(await readFile(file, 'utf8'));
      return { say: countText(history) };
    },
  },
  stats: {
    help: 'speeds of the last answer, and how full the context is',
    run: (context) => ({ say: context.stats() }),
  },
  exit: { help: 'end; so does Ctrl-D', run: () => ({ next: 'exit' }) },
};

/** Runs `/name argument`. What fails is told, and changes nothing. */
export async function runChatCommand(line: string, context: CommandContext): Promise<Outcome> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*(.*)$/s.exec(line.trim()) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) return { say: `there is no /${name}: /help tells what there is, """/${name}""" sends it to the model` };
  if (argument === '' && command.takes && !command.takes.startsWith('[')) return { say: `/${name} ${command.takes}` };
  try {
    return await command.run(context, argument);
  } catch (error) {
    return { say: `/${name}: ${error instanceof Error ? error.message : error}` };
  }
}

function countText({ questionCount }: ChatHistory): string {
  return `${questionCount} ${questionCount === 1 ? 'question' : 'questions'} so far`;
}

function helpText(): string {
  const rows = Object.entries(commands).map(([name, { takes = '', help }]) => [`/${name} ${takes}`, help]);
  const lines = [
    ...rows,
    ['\\ at the end', 'of a line: the message goes on in the next'],
    ['"""', 'begins and ends a message of many lines; pasted lines stay together too'],
    ['Ctrl-C', 'stops the answer, or clears what you wrote'],
  ];
  return lines.map(([what, help]) => `${what!.padEnd(16)}${help}`).join('\n');
}
