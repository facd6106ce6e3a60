import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ChatTemplate, ChatTemplateError, type Conversation, parseJson } from '../../src/chat/index.ts';

const file = readFileSync(new URL('jinja_cases.json', import.meta.url), 'utf8');
const { variables, cases } = parseJson(file) as { variables: Conversation; cases: [string, string?][] };
const now = new Date(2026, 0, 15, 10, 30);

test.each(cases)('%j', (source, output) => {
  const render = () => new ChatTemplate(source).render(variables, { now, bosText: '<s>', eosText: '</s>' }).text;
  if (output === undefined) expect(render).toThrow(ChatTemplateError);
  else expect(render()).toBe(output);
});
