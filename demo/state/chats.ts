/** Conversations, kept in this browser alone (IndexedDB), each under its own key: two tabs write no other's. */
import { computed, signal } from '@preact/signals';
import { createStore, del, entries, set } from 'idb-keyval';

export interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
  /** The tokens of an answer, in the vocabulary of the model that gave it. */
  readonly tokens?: readonly number[];
  /** The prompt's tokens before it. */
  readonly prompt?: readonly number[];
  readonly stats?: AnswerStats;
}

export interface AnswerStats {
  readonly model: string;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly firstTokenMs: number;
  readonly tokensPerPass: number;
  readonly stopReason: string;
}

export interface Chat {
  readonly id: string;
  readonly title: string;
  readonly system: string;
  readonly messages: readonly Message[];
  readonly updatedAt: number;
}

const store = createStore('webgguf-chats', 'chats');
const others = new BroadcastChannel('webgguf chats');
others.onmessage = () => readChats();

export const chats = signal<readonly Chat[]>([]);
const currentId = signal('');
const fresh = (): Chat => ({ id: crypto.randomUUID(), title: '', system: '', messages: [], updatedAt: Date.now() });
/** Shown, and not yet kept: nothing was said. */
const draft = signal(fresh());

export const chat = computed(() => chats.value.find(({ id }) => id === currentId.value) ?? draft.value);

export async function readChats(): Promise<void> {
  const all = await entries<string, Chat>(store).catch(() => []); // a private window keeps none
  chats.value = all.map(([, each]) => each).sort((a, b) => b.updatedAt - a.updatedAt);
}

export function openChat(id: string): void {
  currentId.value = id;
}

export function newChat(): void {
  draft.value = { ...fresh(), system: chat.value.system };
  currentId.value = draft.value.id;
}

/** Changes the chat that is shown, or another; one in which something was said is kept. */
export async function changeChat(change: Partial<Chat>, of: Chat = chat.value): Promise<Chat> {
  const changed: Chat = { ...of, ...change, updatedAt: Date.now() };
  const title = changed.title || titleOf(changed.messages);
  const kept = { ...changed, title };
  if (draft.value.id === kept.id) draft.value = kept;
  if (kept.messages.length > 0) {
    chats.value = [kept, ...chats.value.filter(({ id }) => id !== kept.id)];
    await set(kept.id, kept, store).catch(() => undefined);
    others.postMessage('changed');
  }
  return kept;
}

export async function deleteChat(id: string): Promise<void> {
  chats.value = chats.value.filter((each) => each.id !== id);
  if (currentId.value === id) newChat();
  await del(id, store).catch(() => undefined);
  others.postMessage('changed');
}

const longestTitle = 48;

function titleOf([first]: readonly Message[]): string {
  const line = first?.content.trim().split('\n')[0] ?? '';
  return line.length > longestTitle ? `${line.slice(0, longestTitle)}…` : line;
}

/** As a file that `importChat` reads, of any webgguf's. */
export function exportChat({ title, system, messages }: Chat): Blob {
  const said = messages.map(({ role, content }) => ({ role, content }));
  const all = [...(system ? [{ role: 'system', content: system }] : []), ...said];
  return new Blob([JSON.stringify({ format: 'webgguf chat', version: 1, title, messages: all }, null, 2)], {
    type: 'application/json',
  });
}

/** Throws where the file is no conversation: a list of messages, alone or under `messages`. */
export async function importChat(file: Blob): Promise<void> {
  const read: unknown = JSON.parse(await file.text());
  const list = Array.isArray(read) ? read : (read as { messages?: unknown } | null)?.messages;
  const messages = (Array.isArray(list) ? list : []).map(checkedMessage);
  if (messages.length === 0) throw new TypeError('the file holds no messages');
  const title = (read as { title?: unknown }).title;
  const system = messages.find(({ role }) => role === 'system')?.content ?? '';
  const said = messages.filter((message): message is Message => message.role !== 'system');
  const imported = await changeChat({ system, messages: said, ...(typeof title === 'string' && { title }) }, fresh());
  currentId.value = imported.id;
}

function checkedMessage(message: unknown): { role: 'system' | 'user' | 'assistant'; content: string } {
  const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown };
  if ((role !== 'system' && role !== 'user' && role !== 'assistant') || typeof content !== 'string') {
    throw new TypeError('a message of the file has no role and content');
  }
  return { role, content };
}
