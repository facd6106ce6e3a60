/** A plain page: choose a model, talk to it. The model lives in a worker. What a model says is only ever text here. */
import type { ChatMessage, LLM, LoadProgress } from '../src/index.ts';
import { load } from '../src/worker/index.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const choice = element<HTMLFieldSetElement>('choice');
const files = element<HTMLInputElement>('files');
const link = element<HTMLInputElement>('link');
const progress = element<HTMLProgressElement>('progress');
const log = element('log');
const examples = element<HTMLFieldSetElement>('examples');
const chat = element<HTMLFormElement>('chat');
const question = element<HTMLTextAreaElement>('question');

const builtinModel = new URL('../models/pocket-q8_0.gguf', import.meta.url).href;

let llm: LLM | undefined;
let messages: ChatMessage[] = [];
let running: AbortController | undefined;

element('try').onclick = () => run(loadBuiltinModel, builtinModel);
for (const example of examples.querySelectorAll('button')) example.onclick = () => run(answer, example.textContent);
files.onclick = () => {
  files.value = ''; // so that choosing the same file again is a change
};
files.onchange = () => files.files?.length && run(loadModel, [...files.files]);
element('source').onsubmit = (event) => {
  event.preventDefault();
  run(loadModel, link.value.trim());
};
chat.onsubmit = (event) => {
  event.preventDefault();
  if (question.value.trim()) run(answer, question.value.trim());
};
chat.onreset = () => {
  messages = [];
  log.replaceChildren();
};
question.onkeydown = (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  chat.requestSubmit();
};
for (const id of ['cancel', 'stop']) element(id).onclick = () => running?.abort();

/** Loads or answers, one at a time, until it is done, is stopped or fails. */
async function run<T>(work: (input: T, signal: AbortSignal) => Promise<void>, input: T): Promise<void> {
  if (running) return;
  running = new AbortController();
  const { signal } = running;
  say('error', '');
  show();
  try {
    await work(input, signal);
  } catch (error) {
    if (error !== signal.reason) say('error', error instanceof Error ? error.message : String(error));
  }
  running = undefined;
  show();
  if (llm) question.focus();
}

async function loadModel(source: string | readonly File[], signal: AbortSignal): Promise<void> {
  const previous = llm;
  llm = undefined;
  chat.reset();
  chat.hidden = true;
  examples.hidden = true;
  await previous?.[Symbol.asyncDispose]();
  say('status', 'Loading…');
  progress.removeAttribute('value');
  element('loading').hidden = false;
  try {
    llm = await load(source, { signal, onProgress, onWarning: (message) => say('error', message) });
    const { name, adapter, contextLength } = llm.info;
    say('status', `${name || 'The model'} on ${adapter}, up to ${contextLength} tokens`);
    chat.hidden = false;
  } catch (error) {
    say('status', '');
    throw error;
  } finally {
    element('loading').hidden = true;
  }
}

/** The examples are what it understands. */
async function loadBuiltinModel(address: string, signal: AbortSignal): Promise<void> {
  await loadModel(address, signal);
  examples.hidden = false;
}

function onProgress({ doneBytes, totalBytes }: LoadProgress): void {
  if (totalBytes === undefined) progress.removeAttribute('value');
  else progress.value = doneBytes / totalBytes;
}

/** Where there is no answer, the question goes back to where it was written. */
async function answer(content: string, signal: AbortSignal): Promise<void> {
  const asked = [...messages, { role: 'user', content }];
  const questionLine = addLine('user', content);
  const line = addLine('model', '');
  line.ariaBusy = 'true'; // a screen reader waits for the whole answer
  question.value = '';
  try {
    const stream = llm!.chat(asked, { maxTokens: Number.POSITIVE_INFINITY, signal });
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) line.textContent += step.value.text;
    line.textContent += step.value.textEnd;
    messages = [...asked, { role: 'assistant', content: line.textContent ?? '' }];
    const { tokens, tokensPerSecond } = step.value.decode;
    say('status', `${tokens + 1} tokens, ${tokensPerSecond.toFixed(1)} a second`);
  } catch (error) {
    questionLine.remove();
    line.remove();
    question.value = content;
    throw error;
  } finally {
    line.ariaBusy = 'false';
  }
}

function addLine(who: 'user' | 'model', text: string): HTMLElement {
  const line = document.createElement('article');
  line.className = who;
  line.ariaLabel = who === 'user' ? 'You' : 'Model';
  line.textContent = text;
  log.append(line);
  return line;
}

function say(where: 'status' | 'error', text: string): void {
  element(where).textContent = text;
}

/** What may be pressed now. */
function show(): void {
  for (const fields of [choice, examples]) fields.disabled = running !== undefined;
  for (const id of ['send', 'clear']) element<HTMLButtonElement>(id).disabled = running !== undefined;
  element<HTMLButtonElement>('stop').disabled = running === undefined;
}
