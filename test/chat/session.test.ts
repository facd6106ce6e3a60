/** A conversation without a GPU: scripted messages, a model that answers by rule. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChatTemplateError } from '../../src/chat/index.ts';
import { ChatHistory } from '../../src/cli/chat/history.ts';
import { type ChatModel, type ChatTerminal, converse } from '../../src/cli/chat/session.ts';
import { type ChatMessage, ContextFullError, type GenerateOptions, type StopReason } from '../../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webgguf-chat-'));
});
afterAll(() => rm(folder, { recursive: true }));

const phase = { tokens: 3, milliseconds: 100, tokensPerSecond: 30 };

/** What was asked with each answer, and what the user saw. */
async function talk(lines: string[], history = new ChatHistory(), options: GenerateOptions = {}) {
  const prompts: (readonly ChatMessage[])[] = [];
  const seeds: (number | undefined)[] = [];
  const notes: string[] = [];
  let screen = '';
  let answering: AbortController | undefined;

  const model: ChatModel = {
    info: { name: 'tiny', adapter: 'none', contextLength: 100 } as ChatModel['info'],
    chatTokens: (messages) => messages.map((_, i) => i),
    async *chat(messages, { seed, maxTokens = 128 } = {}) {
      prompts.push(messages);
      seeds.push(seed);
      const question = String(messages.at(-1)!.content);
      if (question === 'long') throw new ContextFullError('the prompt has 200 tokens and the context holds 100');
      if (question === 'refused') throw new ChatTemplateError('roles must alternate');
      if (question === 'broken') throw new Error('device lost');
      const end = (stopReason: StopReason, textEnd = '') => ({
        stopReason,
        textEnd,
        cachedTokens: 0,
        prefill: phase,
        decode: phase,
        ...{ passes: 0, tokensPerPass: 0, draftedTokens: 0, acceptedTokens: 0 },
      });
      if (question === 'silence') return end('eos');
      if (question === 'stop at once') return end('abort');
      for (const [i, text] of ['you ', 'said ', question].entries()) {
        if (i === maxTokens) return end('length');
        if (question === 'stop me' && i === 1) answering!.abort();
        if (answering!.signal.aborted) return end('abort');
        yield { id: i, text };
      }
      return question === 'full' ? end('length') : end('eos', '.');
    },
  };
  const terminal: ChatTerminal = {
    read: async () => {
      const line = lines.shift();
      return line === undefined ? undefined : { text: line, isBlock: line.startsWith(' ') };
    },
    write: async (text) => {
      screen += text;
    },
    note: (text) => notes.push(text),
    interruptible: (action) => action((answering = new AbortController()).signal),
  };
  await converse(model, terminal, history, options);
  const contents = (messages: readonly ChatMessage[]) => messages.map(({ content }) => content);
  return { prompts: prompts.map(contents), seeds, notes: notes.slice(2), screen, left: contents(history.messages) };
}

test('each question stands on all before it', async () => {
  const { prompts, screen } = await talk(['a', 'b'], new ChatHistory('be kind'));
  expect(prompts).toEqual([
    ['be kind', 'a'],
    ['be kind', 'a', 'you said a.', 'b'],
  ]);
  expect(screen).toBe('you said a.\n\nyou said b.\n\n');
});

test('what was written of a stopped answer stays; a question that got none is taken back', async () => {
  expect(await talk(['stop me', 'a'])).toMatchObject({
    left: ['stop me', 'you ', 'a', 'you said a.'],
    notes: ['stopped'],
  });
  const { left, notes } = await talk(['stop at once']);
  expect({ left, notes }).toEqual({ left: [], notes: ['stopped; your message is taken back'] });
});

test('a full context: one line that says /reset, and the conversation goes on', async () => {
  const { left, notes } = await talk(['a', 'long', 'full']);
  expect(left).toEqual(['a', 'you said a.', 'full', 'you said full']);
  expect(notes).toEqual([
    'your message is taken back: the prompt has 200 tokens and the context holds 100; /reset begins anew',
    'the context of 100 tokens is full: /reset begins anew',
  ]);
});

test('the template’s refusal is told, other errors end the conversation', async () => {
  expect(await talk(['refused'])).toMatchObject({
    left: [],
    notes: ['your message is taken back: roles must alternate'],
  });
  await expect(talk(['broken'])).rejects.toThrow('device lost');
});

test('-n and an empty answer are told', async () => {
  expect((await talk(['a'], new ChatHistory(), { maxTokens: 2 })).notes).toEqual(['cut after 2 tokens, as -n says']);
  expect((await talk(['silence'])).notes).toEqual(['the model had nothing to say']);
});

test('/system, /undo, /retry, /reset', async () => {
  const { prompts, seeds, left } = await talk(
    ['/system be\nbrief', 'a', 'b', '/undo', '/retry', '/reset', '/undo', '/retry', '/system', 'c', '/exit', 'd'],
    new ChatHistory(),
    { seed: 7 },
  );
  expect(prompts).toEqual([
    ['be\nbrief', 'a'],
    ['be\nbrief', 'a', 'you said a.', 'b'],
    ['be\nbrief', 'a'],
    ['be\nbrief', 'c'],
  ]);
  expect(seeds).toEqual([7, 7, undefined, 7]);
  expect(left).toEqual(['be\nbrief', 'c', 'you said c.']);
});

test('/save and /load', async () => {
  const file = join(folder, 'with a space.json');
  const saved = await talk(['a', `/save ${file}`], new ChatHistory('be kind'));
  const { left, notes } = await talk([`/load ${file}`, 'b']);
  expect(left).toEqual([...saved.left, 'b', 'you said b.']);
  expect(notes).toEqual(['1 question so far']);
  expect(JSON.parse(await readFile(file, 'utf8'))[0]).toEqual({ role: 'system', content: 'be kind' });
});

test.each(['nonsense', '{}', '[1]', '[null]', '[{"role":"user"}]'])('/load of %s changes nothing', async (json) => {
  const file = join(folder, 'bad.json');
  await writeFile(file, json);
  const { left, notes } = await talk(['a', `/load ${file}`]);
  expect(left).toEqual(['a', 'you said a.']);
  expect(notes).toEqual([expect.stringMatching(/^\/load: /)]);
});

test('/stats, /help, and what is no command', async () => {
  const { notes, prompts } = await talk(['/stats', 'a', '/stats', '/help', '/nope', '/save', ' /help']);
  expect(notes[0]).toBe('0 of 100 tokens of context');
  expect(notes[1]).toBe('prompt 3 at 30.0 tok/s, then 3 at 30.0 tok/s; 2 of 100 tokens of context');
  for (const name of ['system', 'reset', 'undo', 'retry', 'save', 'load', 'stats', 'exit']) {
    expect(notes[2]).toContain(`/${name} `);
  }
  expect(notes.slice(3)).toEqual([expect.stringContaining('there is no /nope'), '/save FILE']);
  expect(prompts.at(-1)).toEqual(['a', 'you said a.', ' /help']);
});
