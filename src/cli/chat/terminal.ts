import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { print } from '../command.ts';
import { type Message, MessageLines } from './message_lines.ts';
import type { ChatTerminal } from './session.ts';

/** Asks the terminal to mark what is pasted, so that its line ends do not send it. */
const MARK_PASTES = '\u001b[?2004h';
const NO_MARKS = '\u001b[?2004l';

type Event =
  | { readonly kind: 'line'; readonly text: string; readonly pasted: boolean; readonly shown: boolean }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'end' };

/**
 * The user's keyboard and screen. The line editor lives as long as the conversation, in raw mode: Ctrl-C is a key, and what
 * is typed during an answer waits unseen for the next prompt.
 */
export class Terminal implements ChatTerminal, Disposable {
  readonly #editor: Interface;
  readonly #screen = new Screen();
  readonly #lines = new MessageLines();
  readonly #events: Event[] = [];
  readonly #signal: AbortSignal | undefined;
  #wake = () => {};
  #answer: AbortController | undefined;
  #pasting = false;
  #closed = false;

  /** `signal` ends the conversation. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    process.stdin.on('keypress', this.#followPaste);
    this.#editor = createInterface({ input: process.stdin, output: this.#screen, terminal: true, historySize: 1000 });
    this.#editor.on('line', (text) =>
      this.#push({ kind: 'line', text, pasted: this.#pasting, shown: !this.#screen.muted }),
    );
    this.#editor.on('SIGINT', () => (this.#answer ? this.#answer.abort() : this.#push({ kind: 'interrupt' })));
    this.#editor.on('close', () => {
      this.#closed = true;
      this.#push({ kind: 'end' });
    });
    signal?.addEventListener('abort', () => this.#editor.close());
    process.stderr.write(MARK_PASTES);
  }

  async read(): Promise<Message | undefined> {
    for (let warned = false; ; ) {
      this.#editor.setPrompt(this.#lines.isEmpty ? '> ' : '… ');
      if (!this.#closed) this.#editor.prompt(true);
      const event = await this.#next();
      if (event.kind === 'end') return undefined;
      if (event.kind === 'interrupt') {
        if (warned && this.#isIdle) return undefined;
        warned = this.#isIdle;
        this.#clear();
        if (warned) this.note('Ctrl-C again ends the conversation');
        continue;
      }
      warned = false;
      if (!event.shown) this.#screen.write(`${event.text}\n`);
      const message = this.#lines.push(event.text, event.pasted);
      if (message && message.text.trim() !== '') return message;
    }
  }

  /** The model's text must not command the terminal. */
  write(text: string): Promise<void> {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
    return print(text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ''));
  }

  note(text: string): void {
    console.error(styleText('dim', text, { stream: process.stderr }));
  }

  async interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const answer = new AbortController();
    this.#answer = answer;
    this.#screen.muted = true;
    try {
      return await action(this.#signal ? AbortSignal.any([answer.signal, this.#signal]) : answer.signal);
    } finally {
      this.#screen.muted = false;
      this.#answer = undefined;
    }
  }

  [Symbol.dispose](): void {
    process.stdin.off('keypress', this.#followPaste);
    this.#editor.close();
    process.stderr.write(`${NO_MARKS}\r`);
  }

  /** Nothing is written that Ctrl-C could clear. */
  get #isIdle(): boolean {
    return this.#lines.isEmpty && this.#editor.line === '';
  }

  #clear(): void {
    this.#lines.clear();
    this.#editor.write(null, { ctrl: true, name: 'e' });
    this.#editor.write(null, { ctrl: true, name: 'u' });
    this.#screen.write('\n');
  }

  #push(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }

  async #next(): Promise<Event> {
    if (this.#events.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#events.shift()!;
  }

  readonly #followPaste = (_: string | undefined, key?: { name?: string }): void => {
    if (key?.name === 'paste-start') this.#pasting = true;
    if (key?.name === 'paste-end') this.#pasting = false;
  };
}

/** stderr, for the line editor: silent while the answer is written. */
class Screen extends Writable {
  muted = false;

  constructor() {
    super();
    process.stderr.on('resize', () => this.emit('resize'));
  }

  get columns(): number {
    return process.stderr.columns ?? 80;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    if (!this.muted) process.stderr.write(chunk);
    done(); // at once, so that nothing waits here while others write to stderr
  }
}
