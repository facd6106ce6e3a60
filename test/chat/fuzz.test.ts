/** Seeded noise as templates: each ends in a text or one ChatTemplateError, soon. */
import { expect, test } from 'vitest';
import { ChatTemplate, ChatTemplateError } from '../../src/chat/index.ts';
import { seededRandom } from '../tokenizer/vocabularies.ts';

const PARTS = [
  ...[
    '{{',
    '}}',
    '{%',
    '%}',
    '{%-',
    '-%}',
    '{#',
    '#}',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '|',
    '.',
    ',',
    ':',
    '=',
    '==',
    '~',
    '+',
    '-',
    '*',
    '**',
    '//',
    '%',
    '<',
    '!=',
  ],
  ...[
    'if',
    'elif',
    'else',
    'endif',
    'for',
    'in',
    'endfor',
    'set',
    'endset',
    'macro',
    'endmacro',
    'call',
    'endcall',
    'filter',
    'endfilter',
    'break',
    'continue',
    'generation',
    'endgeneration',
    'is',
    'not',
    'and',
    'or',
    'recursive',
  ],
  ...[
    'messages',
    'm',
    'x',
    'loop',
    'ns',
    'namespace',
    'range',
    'dict',
    'tools',
    'none',
    'true',
    'caller',
    'role',
    'content',
    'index0',
    'items',
    'split',
    'join',
    'format',
    'raise_exception',
    'strftime_now',
  ],
  ...[
    'trim',
    'length',
    'tojson',
    'default',
    'map',
    'selectattr',
    'sort',
    'list',
    'string',
    'indent',
    'replace',
    'first',
    'defined',
    'divisibleby',
    'equalto',
    'mapping',
  ],
  ...[
    "'a'",
    '"role"',
    "'%s'",
    "'{}'",
    '0',
    '1',
    '-1',
    '3',
    '1.5',
    '99999',
    "'\\n'",
    ' ',
    '\n',
    '  ',
    'text',
    '😀',
    '\u0000',
  ],
];
const SEEDS = [
  "{% for m in messages %}{{ m.role ~ ': ' ~ m.content | trim }}{% if not loop.last %}, {% endif %}{% endfor %}",
  '{% set ns = namespace(x=0) %}{% for i in range(3) %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}',
  "{% macro f(a, b='x') %}{{ a }}{{ b | upper }}{{ caller() if caller is defined }}{% endmacro %}{% call f(1) %}c{% endcall %}",
  "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | tojson(indent=2) }}",
  "{{ messages[0]['content'][1:-1].split(' ')[0] if messages is sequence and messages | length > 0 else 'none' }}",
];
const conversation = {
  messages: [
    { role: 'user', content: 'hola món' },
    { role: 'assistant', content: null, tool_calls: [{ function: { name: 'f', arguments: { a: 1.5 } } }] },
  ],
  tools: [{ type: 'function' }],
};

test('10,000 templates', { timeout: 60_000 }, () => {
  const random = seededRandom(31);
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!;
  let rendered = 0;
  let slowest = 0;
  for (let i = 0; i < 10_000; i++) {
    let source = '';
    if (i % 3 === 0) {
      source = Array.from({ length: Math.floor(random() * 30) }, () => pick(PARTS)).join(pick(['', ' ']));
    } else {
      source = pick(SEEDS);
      for (let edits = 1 + Math.floor(random() * 4); edits > 0; edits--) {
        const at = Math.floor(random() * source.length);
        source =
          source.slice(0, at) + (random() < 0.7 ? pick(PARTS) : '') + source.slice(at + Math.floor(random() * 4));
      }
    }
    const start = performance.now();
    try {
      new ChatTemplate(source).render(conversation, { controlTexts: ['<s>'], bosText: '<s>' });
      rendered++;
    } catch (error) {
      expect(error, source).toBeInstanceOf(ChatTemplateError);
    }
    slowest = Math.max(slowest, performance.now() - start);
  }
  expect(rendered).toBeGreaterThan(500);
  expect(slowest).toBeLessThan(5000);
});
