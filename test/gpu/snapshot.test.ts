/** Sequences saved and restored: answers go on as if they had never left, and what is no such thing is refused. */
import { expect, test } from 'vitest';
import { blobSource } from '../../src/gguf/blob.ts';
import type { LoadOptions, LocalLLM } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { writeModel } from '../homes/model_file.ts';
import { adapterName } from './adapter.ts';

const shape = { embeddingLength: 64, feedForwardLength: 128, blockCount: 2, vocabLength: 500 };
const prompt = Array.from({ length: 300 }, (_, i) => ((i * 37) % 400) + 10);

async function answer(llm: LocalLLM) {
  const ids: number[] = [];
  const generator = llm.generate(prompt, { temperature: 0, maxTokens: 12 });
  for (;;) {
    const { value, done } = await generator.next();
    if (done) return { ids, cached: value.cachedTokens };
    ids.push(value.id);
  }
}

async function saved(llm: LocalLLM): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: BlobPart[] = [];
  await llm.saveSequence(0, async (bytes) => {
    pieces.push(bytes.slice());
  });
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

const sourceOf = (bytes: Uint8Array<ArrayBuffer>) => blobSource(new Blob([bytes]), 'saved');

test.runIf(adapterName === 'lavapipe')(
  'what is restored is gone on from, and nothing but what was saved is',
  async () => {
    await using model = await writeModel(shape);
    await using llm = await load(model.path, { contextLength: 1024 });
    const { ids } = await answer(llm);
    const bytes = await saved(llm);

    await using other = await load(model.path, { contextLength: 1024 });
    const { tokens } = await other.restoreSequence(0, sourceOf(bytes));
    expect(tokens).toBeGreaterThanOrEqual(prompt.length);
    expect(await answer(other)).toEqual({ ids, cached: prompt.length - 1 });
    expect(await other.eraseSequence(0)).toEqual({ tokens: expect.any(Number) });
    expect(await answer(other)).toEqual({ ids, cached: 0 });

    const refused = async (some: Uint8Array<ArrayBuffer>, words: RegExp) => {
      await expect(other.restoreSequence(0, sourceOf(some))).rejects.toThrow(words);
    };
    const changed = (at: number, ...values: number[]) => {
      const copy = bytes.slice();
      copy.set(values, at);
      return copy;
    };
    await refused(new Uint8Array(7), /too short/);
    await refused(changed(0, 0), /does not hold a sequence/);
    await refused(changed(20, 0), /of another model/);
    await refused(bytes.subarray(0, bytes.length - 1), /has \d+ bytes; \d+ tokens take \d+/);
    await refused(changed(77, 255, 255, 255, 255), /4294967295 tokens, and the context holds 1024/);
    await refused(changed(81, 255, 255), /token \d+ is not in the vocabulary/);
    await refused(changed(bytes.length - 2, 0, 0x7c), /no number/);
    expect(await answer(other)).toEqual({ ids, cached: 0 });

    const exact: LoadOptions = { contextLength: 1024, precision: 'exact' };
    await using third = await load(model.path, exact);
    await expect(third.restoreSequence(0, sourceOf(bytes))).rejects.toThrow(/another precision/);

    const generating = other.generate(prompt, { temperature: 0, maxTokens: 50 });
    await generating.next();
    const saving = saved(other); // one sequence: it waits for its end
    await generating.return(undefined as never);
    expect((await saving).length).toBeGreaterThan(0);
  },
);
