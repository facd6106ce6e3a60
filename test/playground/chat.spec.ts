/** Conversations in the built page: what is said, stopped, asked again, kept and taken out. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ChatMessage } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { writeModel } from '../homes/model_file.ts';
import { openSite, pocketPath } from './site.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());
/** Its greedy answers never end before they are stopped, or the context is full. */
const endless = await writeModel({ contextLength: 4096 });
afterAll(() => endless[Symbol.asyncDispose]());
const short = await writeModel({ contextLength: 64 });
afterAll(() => short[Symbol.asyncDispose]());

const questions = ['¿Cuál es la capital de Portugal?', "Explica'm un conte d'un gat i una clau."];

/** What Node says, greedily, turn by turn. */
async function inNode(path: string, asked: readonly string[], options = {}): Promise<string[]> {
  await using llm = await load(path, options);
  const messages: ChatMessage[] = [];
  const answers: string[] = [];
  for (const content of asked) {
    messages.push({ role: 'user', content });
    const tokens = await Array.fromAsync(llm.chat(messages, { temperature: 0 }), ({ text }) => text);
    answers.push(tokens.join('').trim());
    messages.push({ role: 'assistant', content: answers.at(-1)! });
  }
  return answers;
}

test('the built-in model, two turns, as in Node; asked again; a question edited; another chat', async () => {
  const visitor = await site.visit();
  await visitor.tryPocket();
  await visitor.set('temperature', 0);
  const answers = [await visitor.answerTo(questions[0]!), await visitor.answerTo(questions[1]!)];
  expect(answers).toEqual(await inNode(pocketPath, questions));
  expect(await visitor.text('#context')).toMatch(/^Context: \d+ of 2,048 tokens$/);
  expect((await visitor.texts('.stats'))[0]).toMatch(/^7 tokens, [\d.]+ a second, the first after [\d.]+ m?s$/);

  await visitor.click('[aria-label="Again"]');
  expect(await visitor.answer()).toBe(answers[1]);
  expect(await visitor.texts('.question')).toHaveLength(2);

  await visitor.click('.question [aria-label="Edit"]');
  await visitor.write('.editing textarea', questions[1]!);
  await visitor.click('.editing .primary');
  const edited = await visitor.answer();
  expect(await visitor.texts('.said')).toEqual([questions[1]]);
  expect([edited]).toEqual(await inNode(pocketPath, [questions[1]!]));

  await visitor.click('#show-chats');
  await visitor.click('#new-chat');
  await visitor.answerTo(questions[0]!);
  await visitor.reload();
  await visitor.tryPocket();
  await visitor.click('#show-chats');
  await visitor.until('two chats', async () => (await visitor.texts('.chats li')).length === 2);
  expect(await visitor.texts('.chats li')).toEqual(questions);
  await visitor.click('.chats li:nth-child(2) button');
  expect(await visitor.texts('.answer .markdown')).toEqual([edited]);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('a chat is copied, exported, imported elsewhere, and goes on; deleted it is gone', async () => {
  const visitor = await site.visit();
  await visitor.tryPocket();
  const answer = await visitor.answerTo(questions[0]!);
  await visitor.click('.answer [aria-label="Copy"]');
  await visitor.see('.answer [aria-label="Copied"]');
  expect(await visitor.page.evaluate(() => navigator.clipboard.readText())).toBe(answer);

  await visitor.click('#show-chats');
  const file = await visitor.downloaded('#export');
  expect(JSON.parse(file)).toMatchObject({
    format: 'webgguf chat',
    messages: [
      { role: 'user', content: questions[0] },
      { role: 'assistant', content: answer },
    ],
  });
  const path = join(site.folder, 'chat.json');
  await writeFile(path, file);

  const other = await site.visit();
  await other.tryPocket();
  await other.click('#show-chats');
  await other.choose('#import', path);
  await other.until('the chat', async () => (await other.texts('.answer .markdown'))[0] === answer);
  await other.answerTo(questions[1]!);
  await other.click('.chats [aria-label^="Delete"]');
  await other.until('no chat', async () => (await other.texts('.chats li')).length === 0);
  expect(await other.texts('.log article')).toEqual([]);

  await writeFile(path, '{"messages":[{"role":"wizard","content":1}]}');
  await other.choose('#import', path);
  expect(await other.text('.trouble code')).toBe('a message of the file has no role and content');
  expect([...visitor.errors, ...other.errors]).toEqual([]);
  await visitor.close();
  await other.close();
});

test('the prompt and its tokens, each token by how likely it was, with what else might have stood there', async () => {
  const visitor = await site.visit();
  await visitor.tryPocket();
  const answer = await visitor.answerTo(questions[0]!);
  await visitor.click('[aria-label="Prompt"]');
  await visitor.until('the prompt', async () => (await visitor.texts('.raw .token')).length > 5);
  const prompt = await visitor.page.$$eval('.raw .token', (all) => all.map(({ textContent }) => textContent).join(''));
  expect(prompt).toContain(`user⏎\n${questions[0]}<|im_end|>`);
  await visitor.click('[aria-label="Tokens"]');
  await visitor.until('the tokens', async () => (await visitor.texts('.scored .token')).length > 5);
  const scored = await visitor.page.$$eval('.scored .token', (all) => all.map(({ textContent }) => textContent));
  expect(scored.join('').trim()).toContain(answer);
  await visitor.page.hover('.scored .token:nth-child(2)');
  const rows = await visitor.texts('.alternatives tr');
  expect(rows.length).toBeGreaterThanOrEqual(5);
  expect(await visitor.text('.alternatives .chosen th')).toBe(scored[1]!.trim());
  const chances = (await visitor.texts('.alternatives .numbers')).map((text) =>
    Number.parseFloat(text.replace('< 0.1', '0')),
  );
  expect(chances.toSorted((a, b) => b - a)).toEqual(chances);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('a file; its answer stopped stays, and the next one comes', async () => {
  const visitor = await site.visit();
  await visitor.openFiles(endless.path);
  await visitor.load();
  expect(await visitor.text('#model-name')).toBe('random');
  await visitor.ask('hola');
  await visitor.until('some text', async () => (await visitor.coming()).length > 20);
  await visitor.click('#stop');
  const stopped = await visitor.answer();
  expect(stopped.length).toBeGreaterThan(20);
  expect(await visitor.text('.stats')).toMatch(/^\d+ tokens, .* · stopped$/);
  await visitor.set('maxTokens', 5);
  await visitor.answerTo('hola');
  expect((await visitor.texts('.stats')).at(-1)).toMatch(/^5 tokens, .* · ended at the limit of tokens$/);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

test('a full context is told, and what was asked can be asked anew in another chat', async () => {
  const visitor = await site.visit();
  await visitor.openFiles(short.path);
  await visitor.load();
  const answer = await visitor.answerTo('hola');
  expect(answer).not.toBe('');
  await visitor.ask('hola again');
  await visitor.see('.trouble[data-kind="contextFull"]');
  expect(await visitor.text('.trouble strong')).toBe('The conversation is longer than the context');
  expect(await visitor.page.$eval('#question', (field) => (field as HTMLTextAreaElement).value)).toBe('hola again');
  expect(await visitor.texts('.log article')).toHaveLength(2);
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});
