/** An answer on its way: asked for, streamed into the page no faster than it draws, stopped, asked for again. */
import { signal } from '@preact/signals';
import type { ChatMessage, GenerateResult } from '../../src/index.ts';
import { type Chat, changeChat, chat, type Message } from './chats.ts';
import { inspection, llm } from './session.ts';
import { numbers } from './settings.ts';
import { notice, showTrouble, trouble } from './trouble.ts';

export interface Answering {
  readonly chatId: string;
  /** What is being answered: kept in the chat with the first token. */
  readonly messages: readonly Message[];
  readonly text: string;
  readonly tokens: number;
}

export const answering = signal<Answering | undefined>(undefined);
/** Positions of the context that the last prompt and its answer take. */
export const contextUsed = signal(0);
/** When tokens came, in milliseconds, of the answers of this session; NaN before each answer. */
export const tokenTimes = signal<readonly number[]>([]);
const shownTimes = 2000;

let running: AbortController | undefined;

export function stop(): void {
  running?.abort();
}

/** What is being written; it comes back where it could not be answered. */
export const draftText = signal('');

/** Asks, in the chat that is shown. */
export async function send(content: string): Promise<void> {
  draftText.value = '';
  const messages: Message[] = [...chat.value.messages, { role: 'user', content }];
  const isAnswered = await answer({ ...chat.value, messages }, () => send(content));
  if (!isAnswered) draftText.value ||= content;
}

/** Answers the last question anew. */
export async function regenerate(): Promise<void> {
  const { messages } = chat.value;
  const last = messages.findLastIndex(({ role }) => role === 'user');
  await answer({ ...chat.value, messages: messages.slice(0, last + 1) }, regenerate);
}

/** Asks another question in the place of message `index`; what followed is gone. */
export async function edit(index: number, content: string): Promise<void> {
  const messages: Message[] = [...chat.value.messages.slice(0, index), { role: 'user', content }];
  const asked = { ...chat.value, messages, ...(index === 0 && { title: '' }) }; // the first question is the title
  const ask = async () => {
    await answer(asked, ask);
  };
  await ask();
}

/** Whether there is any; where there is none, the chat stays as it was. */
async function answer(asked: Chat, retry: () => Promise<void>): Promise<boolean> {
  const model = llm.value;
  if (running || !model) return false;
  running = new AbortController();
  const { signal } = running;
  trouble.value = undefined;
  const view = new AnswerView(asked);
  const hidden = watchBackground();
  const tokens: number[] = [];
  let prompt: number[] = [];
  try {
    prompt = await promptOf(asked);
    const { seed, ...sampling } = numbers.value;
    const options = { ...sampling, signal, ...(seed !== undefined && { seed }) };
    const stream = model.generate(prompt, options);
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) {
      if (tokens.length === 0) await changeChat({}, asked);
      tokens.push(step.value.id);
      view.add(step.value.text);
      contextUsed.value = prompt.length + tokens.length;
    }
    if (tokens.length === 0 && step.value.stopReason === 'abort') return false;
    view.add(step.value.textEnd);
    await keep(asked, view.text, prompt, tokens, step.value);
    return true;
  } catch (error) {
    const isBegun = tokens.length > 0;
    if (isBegun) await keep(asked, view.text, prompt, tokens);
    if (llm.value === model) showTrouble(error, () => void (isBegun ? regenerate() : retry())); // or it was closed
    return isBegun;
  } finally {
    view.end();
    hidden.end();
    running = undefined;
  }
}

/** By the file's own template; a file that has none goes on from the question's text. */
async function promptOf({ system, messages }: Chat): Promise<number[]> {
  const model = llm.value!;
  if (inspection.value && !inspection.value.hasChatTemplate) {
    return model.tokenizer.encode(messages.at(-1)!.content);
  }
  const said: ChatMessage[] = messages.map(({ role, content }) => ({ role, content }));
  return model.chatTokens([...(system ? [{ role: 'system', content: system }] : []), ...said]);
}

async function keep(
  asked: Chat,
  content: string,
  prompt: readonly number[],
  tokens: readonly number[],
  result?: GenerateResult,
): Promise<void> {
  const message: Message = {
    role: 'assistant',
    content,
    tokens,
    prompt,
    ...(result && {
      stats: {
        model: llm.value?.info.name ?? '',
        tokens: tokens.length,
        tokensPerSecond: result.decode.tokensPerSecond,
        firstTokenMs: result.prefill.milliseconds,
        tokensPerPass: result.tokensPerPass,
        stopReason: result.stopReason,
      },
    }),
  };
  await changeChat({ messages: [...asked.messages, message] }, asked);
}

/** Text comes as fast as it comes; the page shows it once a frame, and in the background twice a second. */
class AnswerView {
  readonly #asked: Chat;
  #count = 0;
  #times: number[] = [Number.NaN];
  #isDue = false;
  text = '';

  constructor(asked: Chat) {
    this.#asked = asked;
    this.#show();
  }

  add(text: string): void {
    this.text += text;
    this.#count++;
    this.#times.push(performance.now());
    if (this.#isDue) return;
    this.#isDue = true;
    if (document.hidden) setTimeout(() => this.#show(), 500);
    else requestAnimationFrame(() => this.#show());
  }

  #show(): void {
    this.#isDue = false;
    if (this.#count === Number.POSITIVE_INFINITY) return;
    const { id, messages } = this.#asked;
    answering.value = { chatId: id, messages, text: this.text, tokens: this.#count };
    tokenTimes.value = [...tokenTimes.value, ...this.#times.splice(0)].slice(-shownTimes);
  }

  end(): void {
    this.#count = Number.POSITIVE_INFINITY;
    answering.value = undefined;
  }
}

/** Browsers slow down what is not seen: then the title tells how it goes. */
function watchBackground(): { end(): void } {
  const title = 'webgguf';
  let wasHidden = document.hidden;
  const seen = () => {
    if (document.hidden) {
      wasHidden = true;
      document.title = `… ${title}`;
    } else {
      document.title = title;
      if (wasHidden) notice('background');
    }
  };
  document.addEventListener('visibilitychange', seen);
  return {
    end() {
      document.removeEventListener('visibilitychange', seen);
      document.title = document.hidden ? `✓ ${title}` : title;
      if (document.hidden) {
        const back = () => {
          document.title = title;
        };
        document.addEventListener('visibilitychange', back, { once: true });
      }
    },
  };
}
