/** Calls of tools, read out of answers that come in any pieces, and answers held to tools. */
import { expect, test } from 'vitest';
import { type ToolCallDelta, ToolCallReader } from '../../src/chat/index.ts';
import { toolCallForm, withTools } from '../../src/chat/tools/prompt.ts';
import type { ToolCallForm, ToolUse } from '../../src/grammar/index.ts';
import { accepts, grammars, randomText } from '../grammar/texts.ts';
import { validator } from '../grammar/validate.ts';
import { recorded, tools } from './tool_calls.ts';

function read(pieces: readonly string[]) {
  const reader = new ToolCallReader(tools);
  const calls: { name: string; text: string; id: string }[] = [];
  let text = '';
  const add = (answer: { readonly text: string; readonly calls: readonly ToolCallDelta[] }) => {
    text += answer.text;
    for (const { index, id, name, arguments: more } of answer.calls) {
      if (name !== undefined) calls[index] = { name, id: id!, text: '' };
      calls[index]!.text += more;
    }
  };
  for (const piece of pieces) add(reader.push(piece));
  add(reader.end());
  return { text, calls: calls.map(({ name, text: args }) => [name, JSON.parse(args)]), ids: calls.map(({ id }) => id) };
}

test.each(recorded.map((each) => [each.form, each] as const))('%s, in every split', (_, { answer, text, calls }) => {
  const expected = { text, calls };
  expect(read([answer])).toMatchObject(expected);
  expect(read([...answer])).toMatchObject(expected);
  for (let first = 0; first <= answer.length; first++) {
    expect(read([answer.slice(0, first), answer.slice(first)]), `at ${first}`).toMatchObject(expected);
  }
  for (let i = 0; i < answer.length; i += 3) {
    for (let j = i; j < answer.length; j += 7) {
      expect(read([answer.slice(0, i), answer.slice(i, j), answer.slice(j)])).toMatchObject(expected);
    }
  }
  expect(read([answer]).ids.every((id) => /^[a-zA-Z0-9]{9}$/.test(id))).toBe(true);
});

test('arguments come as they are written, and text is not held back for long', () => {
  const reader = new ToolCallReader(tools);
  expect(reader.push('Let me see').text).toBe('Let me see');
  expect(reader.push(' <b> <tool_').text).toBe(' <b>');
  expect(reader.push('call>{"name": "add", "arguments": {"a": 1').calls).toMatchObject([
    { index: 0, name: 'add', arguments: '{"a": 1' },
  ]);
  expect(reader.push(', "b"').calls).toEqual([{ index: 0, arguments: ', "b"' }]);
  expect(reader.push(': 2}}</tool_call>')).toEqual({ text: '', calls: [{ index: 0, arguments: ': 2}' }] });
});

test('an answer that is cut off leaves what came', () => {
  const reader = new ToolCallReader(tools);
  reader.push('<tool_call>{"name": "add", "arguments": {"a": 1');
  expect(reader.end()).toEqual({ text: '', calls: [] });
});

test('a long answer is read in good time', () => {
  const begun = performance.now();
  const long = `<tool_call>{"name": "add", "arguments": {"a": "${'x\\"{'.repeat(100_000)}"}}</tool_call>${' text [{'.repeat(50_000)}`;
  const { calls } = read(long.match(/.{1,5}/gs)!);
  expect(calls).toHaveLength(1);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

const forms: ToolCallForm[] = ['hermes', 'llama3', 'mistral', 'mistral_args', 'qwen3_coder', 'granite', 'json'];
const useOf = (form: ToolCallForm, how: Partial<ToolUse> = {}): ToolUse => ({
  form,
  tools,
  isRequired: true,
  isParallel: true,
  ...how,
});

test.each(forms)('%s: what the grammar lets through calls tools, with arguments of their schema', (form) => {
  const invalid = new Map(tools.map(({ name, parameters }) => [name, validator(parameters)]));
  for (let seed = 0; seed < 25; seed++) {
    const { calls, text } = read([randomText({ toolUse: useOf(form) }, seed, 10)]);
    expect(text.trim()).toBe('');
    expect(calls.length).toBeGreaterThan(0);
    for (const [name, args] of calls) expect(invalid.get(name as string)!(args), JSON.stringify(args)).toBeUndefined();
    const one = read([randomText({ toolUse: useOf(form, { isParallel: false }) }, seed, 10)]);
    expect(one.calls).toHaveLength(1);
  }
});

test.each(forms)('%s: where a call is not required, text may stand in its place', (form) => {
  const toolUse = useOf(form, { isRequired: false });
  for (const text of ['', 'Hello', 'It is <b>12</b>. [1] {2}', '<tool_cal', 'ñ 😀']) {
    expect(accepts({ toolUse }, text), text).toBe(true);
    expect(accepts({ toolUse: useOf(form) }, text), text).toBe(false);
  }
  expect(accepts({ toolUse, responseFormat: { type: 'json_object' } }, '{"a": 1}')).toBe(true);
  expect(accepts({ toolUse, responseFormat: { type: 'json_object' } }, 'Hello')).toBe(false);
});

test('a marker in an answer begins a call, and nothing else', () => {
  const toolUse = useOf('hermes', { isRequired: false });
  const call = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
  expect(accepts({ toolUse }, `Hi <tool_ ${call}`)).toBe(true);
  expect(accepts({ toolUse }, `Hi <<tool_call>x`)).toBe(false);
  expect(accepts({ toolUse }, call.replace('"b": 2', '"b": "2"'))).toBe(false);
  expect(accepts({ toolUse }, call.replace('add', 'subtract'))).toBe(false);
});

test('a schema that cannot be enforced is an error where the tool is strict, and any object otherwise', () => {
  const odd = { name: 'odd', parameters: { type: 'object', properties: { a: { not: {} } } } };
  expect(accepts({ toolUse: useOf('json', { tools: [odd] }) }, '{"name": "odd", "arguments": {"x": [1]}}')).toBe(true);
  const strict = () => grammars.constraintOf({ toolUse: useOf('json', { tools: [{ ...odd, strict: true }] }) });
  expect(strict).toThrow('tool odd: JSON schema: not cannot be enforced (at properties/a)');
});

test.each<[ToolCallForm, string]>([
  ['hermes', '{% if tools %}<tool_call>{% endif %}'],
  ['qwen3_coder', '{{ tools }}<tool_call><function=x><parameter=y>'],
  ['mistral', '{{ tools }}[TOOL_CALLS]['],
  ['mistral_args', '{{ tools }}[TOOL_CALLS]{{ name }}[ARGS]'],
  ['llama3', '{{ tools }}"parameters": '],
  ['granite', '{{ tools }}<|tool_call|>'],
  ['json', '{{ tools }}'],
  ['hermes', '{{ messages }}'],
])('%s is what a template shows', (form, template) => {
  expect(toolCallForm(template)).toBe(form);
});

test('a template that knows no tools is told of them in words', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Add.' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: '1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
    },
    { role: 'tool', tool_call_id: '1', content: '3' },
  ];
  const told = withTools({ messages, tools: [{ type: 'function', function: tools[1]! }] }, '{{ messages }}').messages;
  expect(told.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  expect(told[0]!.content).toMatch(/^Be brief\.\n\n[\s\S]*<tools>\n\{.*"add".*\}\n<\/tools>/);
  expect(told[2]!.content).toBe('<tool_call>\n{"name":"add","arguments":{"a":1}}\n</tool_call>');
  expect(told[3]!.content).toBe('<tool_response>\n3\n</tool_response>');
  const known = withTools({ messages, tools: [{}] }, '{{ tools }}');
  expect(known.tools).toHaveLength(1);
  expect(known.messages[2]!.tool_calls).toEqual([
    { id: '1', type: 'function', function: { name: 'add', arguments: { a: 1 } } },
  ]);
});
