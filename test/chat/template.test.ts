import { describe, expect, test } from 'vitest';
import { ChatTemplate, ChatTemplateError, parseJson, selectChatTemplate, templateNames } from '../../src/chat/index.ts';
import { llamaVocabulary, metadata } from '../tokenizer/vocabularies.ts';

const conversation = { messages: [{ role: 'user', content: 'hola' }], add_generation_prompt: true };
const render = (source: string) => new ChatTemplate(source).render(conversation).text;

describe('choosing', () => {
  const key = 'tokenizer.chat_template';
  const all = metadata({ [key]: 'default', [`${key}.tool_use`]: 'tools', [`${key}.rag`]: 'rag' });

  test('the file’s own, by name, or for tools', () => {
    expect(selectChatTemplate(all).source).toBe('default');
    expect(selectChatTemplate(all, { name: 'rag' }).source).toBe('rag');
    expect(selectChatTemplate(all, { hasTools: true }).source).toBe('tools');
    expect(templateNames(all)).toEqual(['tool_use', 'rag']);
    expect(() => selectChatTemplate(all, { name: 'x' })).toThrow(/"x".*tool_use, rag/);
  });

  test('ChatML where its tokens exist', () => {
    expect(selectChatTemplate(llamaVocabulary(['a'])).render(conversation).text).toBe(
      '<|im_start|>user\nhola<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  test('a refusal where there is neither', () => {
    expect(() => selectChatTemplate(metadata({ 'tokenizer.ggml.tokens': ['a'] }))).toThrow(/no chat template/);
    expect(() => selectChatTemplate(metadata({}))).toThrow(ChatTemplateError);
  });
});

test('what transformers passes is there: BOS, EOS, tools as None', () => {
  const template = new ChatTemplate(
    '{{ bos_token }}{{ tools is none }}{{ documents is none }}{{ eos_token }}{{ thinking }}',
  );
  const options = { bosText: '<s>', eosText: '</s>' };
  expect(template.render({ ...conversation, thinking: true }, options).text).toBe('<s>TrueTrue</s>True');
});

test('errors say what went wrong', () => {
  expect(() => render('{{ messages[0].name.first }}')).toThrow("'dict object' has no attribute 'name'");
  expect(() => render("{{ raise_exception('only users') }}")).toThrow(/^only users$/);
  expect(() => render('{% if %}')).toThrow(/cannot be parsed/);
  expect(() => render('{{ messages|frob }}')).toThrow("no filter named 'frob'");
  expect(() => new ChatTemplate('x').render({ messages: [() => {}] as never })).toThrow(ChatTemplateError);
});

test('numbers are read as Python reads them', () => {
  const json = parseJson('{"messages": [1, 1.0, 1e3, -0.5, 12345678901]}');
  expect(new ChatTemplate('{{ messages }}').render(json as never).text).toBe('[1, 1.0, 1000.0, -0.5, 12345678901]');
});

test('a long conversation stays within the budget', () => {
  const messages = Array.from({ length: 4000 }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content: `${i} `.repeat(40),
  }));
  const source =
    "{% for m in messages %}{% if m.content is string and '<' not in m.content %}{{ m.role ~ ': ' ~ m.content|trim }}\n{% endif %}{% endfor %}";
  expect(new ChatTemplate(source).render({ messages }).text.split('\n')).toHaveLength(4001);
});

const hostile: [string, string][] = [
  [
    'loops in loops',
    '{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}',
  ],
  [
    'a text that doubles',
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
  ],
  [
    'a list that doubles',
    '{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}',
  ],
  [
    'a tree that doubles',
    '{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x|tojson }}',
  ],
  [
    'two equal trees',
    '{% set n = namespace(x=[1],y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}',
  ],
  [
    'a deep list',
    '{% set n = namespace(x=[1]) %}{% for i in range(90000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}',
  ],
  [
    'a dict that grows',
    "{% set n = namespace(d={}) %}{% for i in range(99999) %}{% set n.d = dict(n.d, **{'k' ~ i: i}) %}{% endfor %}",
  ],
  ['repetition', "{{ 'a' * 999999999999 }}"],
  ['a huge range', '{{ range(999999999)|list }}'],
  ['a huge replacement', "{% set x = 'a' * 2000000 %}{{ x|replace('a', x) }}"],
  ['a huge width', "{{ 'x'.center(99999999999) }}"],
  ['a huge format', "{{ '%999999999d' % 1 }}"],
  ['a huge power', '{{ 9**9**9**9**9 }}'],
  ['endless recursion', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
  ['branching recursion', '{% macro f(n) %}{{ f(n-1) }}{{ f(n-1) }}{% endmacro %}{{ f(300) }}'],
  [
    'long texts compared',
    "{% set x = 'a' * 4000000 %}{% set y = 'a' * 4000000 %}{% for i in range(99999) %}{% if x == y %}{% endif %}{% endfor %}",
  ],
  [
    'long texts searched',
    "{% set x = 'a' * 4000000 %}{% for i in range(99999) %}{% if 'b' in x %}{% endif %}{% endfor %}",
  ],
  ['deep parentheses', `{{ ${'('.repeat(90_000)}1${')'.repeat(90_000)} }}`],
  ['deep tests', `{{ a${' is x['.repeat(30_000)} }}`],
  ['many filters', `{{ a${'|trim'.repeat(40_000)} }}`],
  ['much output', `{% for i in range(99999) %}${'x'.repeat(1000)}{% endfor %}`],
  ['a long run of blanks', `${' '.repeat(100_000)}x`],
  ['a long template', 'x'.repeat(1_000_000)],
  ['a method that changes', '{{ messages.append(1) }}'],
  ['the underside of Python', "{{ ''.__class__.__mro__[1].__subclasses__() }}"],
];
test.each(hostile)('hostile: %s ends in an error, soon', { timeout: 15_000 }, (_, source) => {
  expect(() => render(source)).toThrow(ChatTemplateError);
});
