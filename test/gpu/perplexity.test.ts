/** Perplexity: of a text that llama.cpp has scored, and of one class of numbers beside the other. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { perplexity } from '../../src/cli/perplexity/formula.ts';
import { load } from '../../src/runtime/node.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';
import { adapterName } from './adapter.ts';

const models = join(import.meta.dirname, '../../models');

/** What people say to the built-in model, and what it should answer: never trained on. */
async function heldoutText(): Promise<string> {
  const lines = (await readFile(join(models, 'heldout.jsonl'), 'utf8')).trim().split('\n');
  const conversations = lines.map((line) => JSON.parse(line) as { messages: { content: string }[] });
  const texts = conversations.flatMap(({ messages }) => messages.map(({ content }) => content));
  return texts.join('\n').slice(0, 9000);
}

describe.runIf(adapterName === 'lavapipe')('perplexity', () => {
  test('fast is within 0.5 % of exact on 2,000 tokens', async () => {
    const text = await heldoutText();
    const results = [];
    for (const precision of ['exact', 'fast'] as const) {
      await using llm = await load(join(models, 'pocket-q8_0.gguf'), { precision });
      results.push(await perplexity(llm, text, { windowLength: 500 }));
    }
    const [exact, fast] = results;
    expect(exact!.windows * exact!.windowLength).toBeGreaterThanOrEqual(2000);
    expect(fast!.tokens).toBe(exact!.tokens);
    expect(exact!.perplexity).toBeGreaterThan(1);
    expect(Math.abs(fast!.perplexity / exact!.perplexity - 1)).toBeLessThan(0.005);
  });

  test.runIf(hasSharedData)('exact is llama.cpp’s', async () => {
    const expected = JSON.parse(await readFile(sharedData('expected/stories260K-f32.once.json'), 'utf8'));
    await using llm = await load(sharedData('models/stories260K-f32.gguf'), { precision: 'exact' });
    const result = await perplexity(llm, expected.prompt, { skip: 0 });
    expect(result).toMatchObject({ tokens: 4, windows: 1, windowLength: 5 });
    expect(result.perplexity / expected.prompt_ppl).toBeCloseTo(1, 5);
    await expect(perplexity(llm, expected.prompt, { skip: 4 })).rejects.toThrow('no token counts');
  });
});
