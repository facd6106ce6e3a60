import { expect, test } from 'vitest';
import { MessageLines } from '../../src/cli/chat/message_lines.ts';

test.each([
  ['a line', ['hola'], 'hola', false],
  ['a line that goes on', ['one \\', 'two\\', 'three'], 'one \ntwo\nthree', false],
  ['a block', ['"""', 'one\\', '', 'two', '"""'], 'one\\\n\ntwo', true],
  ['a block with text beside its fences', ['"""one', 'two""" '], 'one\ntwo', true],
  ['a block in one line', ['"""/help"""'], '/help', true],
  ['an empty block', ['"""', '"""'], '', true],
])('%s', (_, lines, text, isBlock) => {
  const input = new MessageLines();
  const messages = lines.map((line) => input.push(line));
  expect(messages.slice(0, -1).filter(Boolean)).toEqual([]);
  expect(messages.at(-1)).toEqual({ text, isBlock });
  expect(input.isEmpty).toBe(true);
});

test('pasted lines wait for a line that is not', () => {
  const input = new MessageLines();
  expect(input.push('C:\\', true)).toBeUndefined();
  expect(input.push('b', true)).toBeUndefined();
  expect(input.isEmpty).toBe(false);
  expect(input.push('c')?.text).toBe('C:\\\nb\nc');
});

test('clear forgets a block that was begun', () => {
  const input = new MessageLines();
  input.push('"""');
  input.clear();
  expect(input.push('hola')).toEqual({ text: 'hola', isBlock: false });
});
