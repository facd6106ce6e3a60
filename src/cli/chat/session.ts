import {
  ChatTemplateError,
  ContextFullError,
  type GenerateOptions,
  type GenerateResult,
  type LocalLLM,
} from '../../index.ts';
import { formatSpeeds } from '../generate.ts';
import { runChatCommand } from './commands.ts';
import type { ChatHistory } from './history.ts';
import type { Message } from './message_lines.ts';

/** What a conversation needs of a model. */
export type ChatModel = Pick<LocalLLM, 'chat' | 'chatTokens' | 'info'>;

/** Where a conversation takes place. */
export interface ChatTerminal {
  /** The user's next message; undefined where there will be none. */
  read(): Promise<Message | undefined>;
  /** A part of the answer. */
  write(text: string): Promise<void>;
  /** A remark of the program's. */
  note(text: string): void;
  /** Runs `action`, whose signal the user can abort. */
  interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Question, answer, question, until the user ends it. */
export async function converse(
  llm: ChatModel,
  terminal: ChatTerminal,
  history: ChatHistory,
  options: GenerateOptions,
): Promise<void> {
  const session = new Session(llm, terminal, history);
  const { name, adapter, contextLength } = llm.info;
  terminal.note(`${name || 'a model without a name'} on ${adapter}, ${contextLength} tokens of context`);
  terminal.note('/help tells what you can do; Ctrl-C stops an answer, Ctrl-D ends');
  for (;;) {
    const message = await terminal.read();
    if (message === undefined) return;
    if (message.isBlock || !message.text.startsWith('/')) {
      history.ask(message.text);
      await session.answer(options);
      continue;
    }
    const { say, next } = await runChatCommand(message.text, { history, stats: () => session.stats() });
    if (say !== undefined) terminal.note(say);
    if (next === 'exit') return;
    // The same seed would give the same answer again.
    if (next === 'answer') await session.answer(withoutSeed(options));
  }
}

class Session {
  readonly #llm: ChatModel;
  readonly #terminal: ChatTerminal;
  readonly #history: ChatHistory;
  #last: GenerateResult | undefined;

  constructor(llm: ChatModel, terminal: ChatTerminal, history: ChatHistory) {
    this.#llm = llm;
    this.#terminal = terminal;
    this.#history = history;
  }

  /** Answers the last question. One that gets no answer is taken back, so that the next does not stand beside it. */
  async answer(options: GenerateOptions): Promise<void> {
    try {
      const { text, tokenCount, result } = await this.#generate(options);
      this.#last = result;
      if (text !== '') await this.#terminal.write(text.endsWith('\n') ? '\n' : '\n\n');
      const remark = this.#remark(text, tokenCount, result, options);
      if (remark) this.#terminal.note(remark);
      if (text === '' && result.stopReason === 'abort') this.#history.undo();
      else this.#history.answer(text);
    } catch (error) {
      const isMild = error instanceof ContextFullError || error instanceof ChatTemplateError;
      if (!isMild) throw error;
      this.#history.undo();
      const advice = error instanceof ContextFullError ? '; /reset begins anew' : '';
      this.#terminal.note(`your message is taken back: ${error.message}${advice}`);
    }
  }

  stats(): string {
    const { messages, questionCount } = this.#history;
    const used = questionCount === 0 ? 0 : this.#llm.chatTokens(messages).length;
    const fill = `${used} of ${this.#llm.info.contextLength} tokens of context`;
    return this.#last ? `${formatSpeeds(this.#last)}; ${fill}` : fill;
  }

  #generate(options: GenerateOptions): Promise<{ text: string; tokenCount: number; result: GenerateResult }> {
    return this.#terminal.interruptible(async (signal) => {
      const tokens = this.#llm.chat(this.#history.messages, { ...options, signal });
      let text = '';
      for (let tokenCount = 0; ; tokenCount++) {
        const { value, done } = await tokens.next();
        const part = done ? value.textEnd : value.text;
        text += part;
        await this.#terminal.write(part);
        if (done) return { text, tokenCount, result: value };
      }
    });
  }

  /** What the user should know of an answer's end. */
  #remark(text: string, tokenCount: number, { stopReason }: GenerateResult, { maxTokens }: GenerateOptions) {
    if (stopReason === 'abort') return text === '' ? 'stopped; your message is taken back' : 'stopped';
    if (stopReason === 'length' && tokenCount === maxTokens) return `cut after ${tokenCount} tokens, as -n says`;
    if (stopReason === 'length')
      return `the context of ${this.#llm.info.contextLength} tokens is full: /reset begins anew`;
    return text === '' ? 'the model had nothing to say' : undefined;
  }
}

function withoutSeed({ seed: _, ...options }: GenerateOptions): GenerateOptions {
  return options;
}
