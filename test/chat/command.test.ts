import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/cli/template.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';
import { captureOutput } from '../cli/command.ts';
import { llamaVocabulary } from '../tokenizer/vocabularies.ts';

let folder: string;
const path = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webgguf-template-'));
  const templates = {
    'tokenizer.chat_template':
      '{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}',
    'tokenizer.chat_template.tool_use': '{{ tools | length }}',
  };
  await writeFile(path('model.gguf'), await encodeGguf(llamaVocabulary(['a'], templates).entries()));
  await writeFile(path('list.json'), JSON.stringify([{ role: 'user', content: 'hola' }]));
  await writeFile(path('tools.json'), JSON.stringify({ messages: [], tools: [{}, {}] }));
  await writeFile(path('now.jinja'), "{{ bos_token }}{{ strftime_now('%d %b %Y %H:%M') }}{{ add_generation_prompt }}");
});
afterAll(() => rm(folder, { recursive: true }));

const output = captureOutput();

test('the model’s own template, BOS and EOS', async () => {
  expect(await run(['-m', path('model.gguf'), '--messages', path('list.json')])).toBe(0);
  expect(output.stdout).toBe('<s>user: hola</s>');
});

test('tool_use where there are tools', async () => {
  await run(['-m', path('model.gguf'), '--messages', path('tools.json')]);
  expect(output.stdout).toBe('2');
});

test('a template from a file, at a time', async () => {
  const options = ['--template', path('now.jinja'), '--bos', '[B]', '--now', '2026-01-15T10:30:00'];
  expect(await run([...options, '--messages', path('list.json')])).toBe(0);
  expect(output.stdout).toBe('[B]15 Jan 2026 10:30True');
});

test('errors', async () => {
  expect(await run(['-m', path('model.gguf')])).toBe(2);
  expect(await run(['--messages', path('list.json')])).toBe(2);
  expect(await run(['--template', path('now.jinja'), '--messages', path('list.json'), '--now', 'soon'])).toBe(2);
  output.stderr = '';
  expect(await run(['--template', path('now.jinja'), '--messages', path('now.jinja')])).toBe(1);
  expect(await run(['-m', path('model.gguf'), '--messages', path('list.json'), '--name', 'rag'])).toBe(1);
  expect(output.stderr.trimEnd().split('\n')).toHaveLength(2);
});
