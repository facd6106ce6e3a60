/** Forced feature sets go on with the same greedy text, wherever the best two logits are apart. */
import { describe, expect, test } from 'vitest';
import type { FeatureName } from '../../../src/gpu/device.ts';
import type { LLM } from '../../../src/index.ts';
import { load } from '../../../src/runtime/node.ts';
import { greedyCases } from '../../fixtures/greedy_cases.ts';
import { hasSharedData } from '../../fixtures/shared_data.ts';

const featureSets: readonly (readonly FeatureName[])[] = [[], ['subgroups'], ['f16'], ['dp4a']];
const cases = hasSharedData ? await greedyCases() : [];
const maxTokens = 48;
/** Of logits of `fast`, where an int8 activation rounds the other way; on lavapipe no more than 1e-5 was seen. */
const fastTolerance = 0.05;

const withFeatures = (source: string, precision: 'exact' | 'fast', features?: readonly FeatureName[]) =>
  load(source, { precision, contextLength: 512, ...(features && { deviceOptions: { features } }) });

/** Greedy tokens as far as they are sure. */
async function sureTokens(llm: LLM, prompt: readonly number[]): Promise<number[]> {
  const sure: number[] = [];
  for await (const { id, topLogprobs = [] } of llm.generate(prompt, { temperature: 0, maxTokens, logprobs: 2 })) {
    const [best, next] = topLogprobs;
    if (best && next && best.logprob - next.logprob <= 2 * fastTolerance) break;
    sure.push(id);
  }
  return sure;
}

describe.runIf(hasSharedData).each(cases)('$source', ({ source, prompts, expected }) => {
  test.each(featureSets.map((features) => [features.join() || 'none', features] as const))(
    'exact, %s',
    async (_, features) => {
      await using llm = await withFeatures(source, 'exact', features);
      for (const [i, prompt] of prompts.entries()) {
        const answer = llm.generate(prompt, { temperature: 0, maxTokens: expected[i]!.length });
        expect(await Array.fromAsync(answer, ({ id }) => id)).toEqual(expected[i]);
      }
    },
  );

  test('fast, each set as all features together', async () => {
    await using all = await withFeatures(source, 'fast');
    for (const prompt of prompts) {
      const sure = await sureTokens(all, prompt);
      const logits = await all.logits(prompt);
      for (const features of featureSets) {
        await using llm = await withFeatures(source, 'fast', features);
        const answer = llm.generate(prompt, { temperature: 0, maxTokens: sure.length });
        expect(await Array.fromAsync(answer, ({ id }) => id), features.join()).toEqual(sure);
        const others = await llm.logits(prompt);
        const largest = others.reduce((most, logit, i) => Math.max(most, Math.abs(logit - (logits[i] as number))), 0);
        expect(largest).toBeLessThan(fastTolerance);
      }
    }
  });
});
