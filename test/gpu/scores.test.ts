/** Log-probabilities by the GPU: those of the logits, hundreds in a step, whatever is resident and whoever stands beside. */
import { expect, test } from 'vitest';
import type { LocalLLM, MemoryError } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { writeModel } from '../homes/model_file.ts';
import { adapterName } from './adapter.ts';

const shape = { embeddingLength: 64, feedForwardLength: 128, blockCount: 2, vocabLength: 1000 };
const options = { precision: 'exact', contextLength: 1024, chunkLength: 256, sequences: 3 } as const;
const tokens = Array.from({ length: 200 }, (_, i) => ((i * 37) % 900) + 10);
const top = 3;

const scoresOf = async (llm: LocalLLM, from = 0) => (await Array.fromAsync(llm.scores(tokens, { from, top }))).flat();

/** The three most likely tokens of a row, and the logarithm of its sum of exponentials. */
function likely(row: Float32Array) {
  const ids = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, top);
  return { ids, logSum: Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) };
}

test.runIf(adapterName === 'lavapipe')(
  'the same as of logits, and the same bits streamed and beside others',
  async () => {
    await using model = await writeModel(shape);
    await using llm = await load(model.path, options);
    const alone = await scoresOf(llm);
    const logits = await llm.logits(tokens);
    tokens.forEach((_, r) => {
      const row = logits.subarray(r * shape.vocabLength, (r + 1) * shape.vocabLength);
      const { ids, logSum } = likely(row);
      const { id, logprob, top: best } = alone[r]!;
      expect(id).toBe(tokens[r + 1] ?? ids[0]);
      expect(Math.abs(logprob - (row[id]! - logSum))).toBeLessThan(1e-4);
      expect(best.map((each) => each.id)).toEqual(ids);
    });

    const generate = () => Array.fromAsync(llm.generate(tokens.slice(0, 50), { temperature: 0, maxTokens: 20 }));
    const said = await generate();
    const [beside, again, saidBeside, vector] = await Promise.all([
      scoresOf(llm),
      scoresOf(llm, 90),
      generate(),
      llm.embed(tokens, { pooling: 'mean' }),
    ]);
    expect(beside).toEqual(alone);
    expect(again).toEqual(alone.slice(90));
    expect(saidBeside).toEqual(said);
    expect(vector).toEqual(await llm.embed(tokens, { pooling: 'mean' }));

    const refusal = await load(model.path, { ...options, gpuMemoryBytes: 1 }).catch((error) => error as MemoryError);
    const gpuMemoryBytes = (refusal as MemoryError).leastBytes!;
    await using streamed = await load(model.path, { ...options, gpuMemoryBytes });
    expect(streamed.info.streamedLayers).toBe(shape.blockCount);
    expect(await scoresOf(streamed)).toEqual(alone);

    // three at a time, who come again as soon as they are answered: no pass goes with what is left of them alone
    const { steps } = streamed.encoding;
    const prompts = Array.from({ length: 9 }, (_, i) => tokens.slice(10 * i, 10 * i + 6));
    const scored = prompts.map((prompt) => Array.fromAsync(streamed.scores(prompt, { from: 0, top })));
    expect((await Promise.all(scored)).flat(2)).toHaveLength(54);
    expect(streamed.encoding.steps - steps).toBe(Math.ceil(54 / streamed.maxPrefill));
  },
);
