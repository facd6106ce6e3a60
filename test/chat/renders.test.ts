/** Every render that jinja2 makes of the shared templates, errors included. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ChatTemplate, ChatTemplateError, type Conversation, parseJson } from '../../src/chat/index.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';

interface Renders {
  cases: Record<string, Conversation>;
  renders: { template: string; case: string; output?: string; error?: string }[];
}

describe.skipIf(!hasSharedData)('renders.json', () => {
  const read = (path: string) => readFileSync(sharedData(`templates/${path}`), 'utf8');
  const { cases, renders }: Renders = hasSharedData
    ? (parseJson(read('renders.json')) as Renders)
    : { cases: {}, renders: [] };
  const options = { bosText: '<s>', eosText: '</s>', now: new Date(2026, 0, 15, 10, 30) };

  for (const template of new Set(renders.map((render) => render.template))) {
    test(template, () => {
      const compiled = new ChatTemplate(read(template));
      for (const expected of renders.filter((render) => render.template === template)) {
        const render = () => compiled.render(cases[expected.case]!, options).text;
        if (expected.error === undefined) expect(render(), expected.case).toBe(expected.output);
        else expect(render, expected.case).toThrow(ChatTemplateError);
      }
    });
  }
});
