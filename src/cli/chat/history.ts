import type { ChatMessage } from '../../index.ts';

/** The conversation so far, as the template gets it. */
export class ChatHistory {
  /** What the assistant is to be; the first message where there is one. */
  system: string | undefined;
  #turns: ChatMessage[] = [];

  constructor(system?: string) {
    this.system = system;
  }

  get messages(): ChatMessage[] {
    return this.system === undefined ? [...this.#turns] : [{ role: 'system', content: this.system }, ...this.#turns];
  }

  /** The user's turns. */
  get questionCount(): number {
    return this.#turns.filter(({ role }) => role === 'user').length;
  }

  ask(content: string): void {
    this.#turns.push({ role: 'user', content });
  }

  answer(content: string): void {
    this.#turns.push({ role: 'assistant', content });
  }

  /** Forgets all but the system message. */
  reset(): void {
    this.#turns = [];
  }

  /** Takes back the last question and its answer; false where there is none. */
  undo(): boolean {
    const last = this.#lastQuestion();
    if (last >= 0) this.#turns.length = last;
    return last >= 0;
  }

  /** Takes back the answer to the last question; false where there is none to answer. */
  reopen(): boolean {
    const last = this.#lastQuestion();
    if (last >= 0) this.#turns.length = last + 1;
    return last >= 0;
  }

  /** A JSON list of messages, as `template --messages` reads it. */
  toJson(): string {
    return `${JSON.stringify(this.messages, null, 2)}\n`;
  }

  /** Replaces everything by what `toJson` wrote; throws where `json` is no list of messages. */
  readJson(json: string): void {
    const messages: unknown = JSON.parse(json);
    if (!Array.isArray(messages) || !messages.every(isMessage)) {
      throw new Error('a JSON list of messages is needed, each with a role and its content as text');
    }
    const hasSystem = messages[0]?.role === 'system';
    this.system = hasSystem ? messages[0].content : undefined;
    this.#turns = messages.slice(hasSystem ? 1 : 0);
  }

  #lastQuestion(): number {
    return this.#turns.findLastIndex(({ role }) => role === 'user');
  }
}

function isMessage(value: unknown): value is ChatMessage & { content: string } {
  const { role, content } = (value ?? {}) as Partial<ChatMessage>;
  return typeof role === 'string' && typeof content === 'string';
}
