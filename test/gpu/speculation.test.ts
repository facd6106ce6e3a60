/** Tokens that are guessed ahead, on real models: the same text as without, from logits that are equal bit for bit. */
import { afterAll, describe, expect, test } from 'vitest';
import { builtinModel } from '../../src/cli/builtin_model.ts';
import type { GenerateOptions, GenerateResult, LocalLLM, Token } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const device = await openTestDevice();
const repeating = 'The cat sat. The dog ran. '.repeat(4).trim();

async function generate(llm: LocalLLM, prompt: string | readonly number[], options: GenerateOptions) {
  const tokens: Token[] = [];
  const stream = llm.generate(prompt, options);
  for (;;) {
    const { value, done } = await stream.next();
    if (done) return { tokens, ids: tokens.map(({ id }) => id), stats: value as GenerateResult };
    tokens.push(value as Token);
  }
}

/** No end but maxTokens. */
const endless = (llm: LocalLLM) => ({ logitBias: new Map([...llm.tokenizer.stopTokens].map((id) => [id, -100])) });

/** The models that this adapter is fast enough for. */
const models = [
  { name: 'the built-in model', path: builtinModel, runs: true },
  ...['stories260K-f32', 'stories260K-untied-ff192-q8_0'].map((name) => ({
    name,
    path: sharedData(`models/${name}.gguf`),
    runs: hasSharedData && adapterName !== 'swiftshader',
  })),
];

const samplings: Record<string, GenerateOptions> = {
  greedy: { temperature: 0 },
  sampled: { temperature: 0.6, seed: 5 },
  filtered: { temperature: 0.9, topK: 40, topP: 0.9, minP: 0.02, seed: 7 },
  'chosen by the host': { temperature: 0.005, repeatPenalty: 1.1, seed: 2 },
};

describe.each(models.filter(({ runs }) => runs))(`${adapterName}: $name`, ({ path }) => {
  const loading = load(path, { device, contextLength: 1024, sequences: 3 });
  afterAll(async () => (await loading)[Symbol.asyncDispose]());

  // SwiftShader compiles each sampler for half a minute: greedy tells there
  const names = Object.keys(samplings).slice(0, adapterName === 'swiftshader' ? 1 : undefined);
  test.each(names)('%s: tokens and log-probabilities are those without', async (name) => {
    const llm = await loading;
    const options = { ...endless(llm), ...samplings[name], maxTokens: 60, logprobs: 2 };
    const expected = await generate(llm, repeating, { ...options, speculation: 'off' });
    for (const speculation of ['always', 'auto'] as const) {
      const { tokens } = await generate(llm, repeating, { ...options, speculation });
      expect(tokens).toEqual(expected.tokens);
    }
    expect(expected.stats).toMatchObject({ passes: 59, tokensPerPass: 1, draftedTokens: 0, acceptedTokens: 0 });
  });

  test('several at once, and what they leave behind is what they said', async () => {
    const llm = await loading;
    const prompts = [repeating, 'One and two and one and two and', `${repeating} Once upon`];
    const options = { ...endless(llm), temperature: 0, maxTokens: 40 };
    const expected: number[][] = [];
    for (const prompt of prompts) expected.push((await generate(llm, prompt, { ...options, speculation: 'off' })).ids);
    const together = await Promise.all(
      prompts.map((prompt) => generate(llm, prompt, { ...options, speculation: 'always' })),
    );
    expect(together.map(({ ids }) => ids)).toEqual(expected);
    const longer = [...llm.tokenizer.encode(repeating), ...expected[0]!];
    const after = await generate(llm, longer, { ...options, speculation: 'always' });
    expect(after.stats.cachedTokens).toBeGreaterThanOrEqual(longer.length - 2);
    await generate(llm, 'Something else altogether', { temperature: 0, maxTokens: 1 });
    const anew = await load(path, { device, contextLength: 1024 });
    expect(after.ids).toEqual((await generate(anew, longer, { ...options, speculation: 'off' })).ids);
    await anew[Symbol.asyncDispose]();
  });
});

describe.runIf(hasSharedData && adapterName !== 'swiftshader')(`${adapterName}: a text that repeats`, () => {
  test('takes a pass for 1.8 tokens or more', async () => {
    await using llm = await load(sharedData('models/stories260K-f32.gguf'), { device, contextLength: 512 });
    const { stats } = await generate(llm, repeating, { temperature: 0, maxTokens: 300, speculation: 'always' });
    console.log(`${stats.tokensPerPass.toFixed(2)} tokens per pass`);
    expect(stats.tokensPerPass).toBeGreaterThan(1.8);
    expect(stats.decode.tokens / stats.passes).toBe(stats.tokensPerPass);
    expect(stats.acceptedTokens).toBeLessThanOrEqual(stats.draftedTokens);
  });

  test('ended by a stop string or the signal amid a pass: nothing of the rest is said, or held', async () => {
    await using llm = await load(sharedData('models/stories260K-f32.gguf'), { device, contextLength: 512 });
    const options = { temperature: 0, maxTokens: 60 };
    const whole = await generate(llm, repeating, { ...options, speculation: 'off' });
    const text = whole.tokens.map((token) => token.text).join('');
    const stop = [text.slice(20, 24)];
    const [stopped, plain] = [
      await generate(llm, repeating, { ...options, stop, speculation: 'always' }),
      await generate(llm, repeating, { ...options, stop, speculation: 'off' }),
    ];
    expect([stopped.ids, stopped.stats.stopReason]).toEqual([plain.ids, 'stop']);
    const controller = new AbortController();
    const stream = llm.generate(repeating, { ...options, speculation: 'always', signal: controller.signal });
    const ids: number[] = [];
    for await (const { id } of stream) if (ids.push(id) === 13) controller.abort();
    expect(ids).toEqual(whole.ids.slice(0, ids.length));
    expect((await generate(llm, repeating, { ...options, speculation: 'always' })).ids).toEqual(whole.ids);
  });
});

describe.runIf(hasSharedData && adapterName !== 'swiftshader')(`${adapterName}: a draft model`, () => {
  const [large, small] = ['stories260K-f32', 'stories260K-untied-ff192-q8_0'].map((name) =>
    sharedData(`models/${name}.gguf`),
  );
  const prompt = 'Once upon a time, there was a little girl';

  test('says most of what comes; the text and its log-probabilities are those without', async () => {
    await using plain = await load(large!, { device, contextLength: 512, sequences: 2 });
    await using llm = await load(large!, { device, contextLength: 512, sequences: 2, draft: large! });
    await using crude = await load(large!, { device, contextLength: 512, sequences: 2, draft: small! });
    for (const sampling of [{ temperature: 0 }, { temperature: 0.8, topK: 50, seed: 4 }]) {
      const options = { ...sampling, maxTokens: 60, logprobs: 1 };
      const expected = await generate(plain, prompt, { ...options, speculation: 'off' });
      const all = [llm, llm, crude].map((each, i) => {
        return generate(each, prompt, { ...options, speculation: i === 1 ? 'auto' : 'always' });
      });
      for (const { tokens } of await Promise.all(all)) expect(tokens).toEqual(expected.tokens);
      const { stats } = await generate(llm, prompt, { ...options, speculation: 'always' });
      expect(stats.tokensPerPass).toBeGreaterThan(4);
    }
  });

  test('of another vocabulary is refused, and nothing stays open', async () => {
    const draft = builtinModel;
    await expect(load(large!, { device, contextLength: 256, draft })).rejects.toThrow(
      /the draft model has another vocabulary: token \d+ is .* there and .* in the model/,
    );
  });
});
