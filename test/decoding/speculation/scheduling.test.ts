/** Generations whose tokens are guessed ahead, against the same without; every position that is held is checked. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { pageLength } from '../../../kernels/parts/kv.ts';
import type { GenerationOptions } from '../../../src/decoding/generation.ts';
import { Scheduler } from '../../../src/decoding/scheduler.ts';
import { DraftModel } from '../../../src/decoding/speculation/draft_model.ts';
import { type FakeModel, type FakeOptions, fakeModel } from '../fake_model.ts';
import { take, type Wants, wants } from '../wants.ts';

const fakes: FakeModel[] = [];

afterEach(() => {
  expect(fakes.splice(0).flatMap(({ corruptions }) => corruptions)).toEqual([]);
});

async function made(options: FakeOptions): Promise<FakeModel> {
  const fake = await fakeModel(options);
  fakes.push(fake);
  return fake;
}

async function setUp(options: FakeOptions) {
  const fake = await made(options);
  return { fake, scheduler: new Scheduler(fake.asModel, fake) };
}

/** A text that repeats every `period` tokens, but for one of `chance` tokens, which is anything. */
const repeats = (period: number, chance: number) => (position: number, hash: number) =>
  hash % chance === 0 ? (hash >> 8) % 64 : position % period;

const guessing = (some: Wants): GenerationOptions => wants({ maxTokens: 60, speculation: 'always', ...some });

async function generate(scheduler: Scheduler, prompt: readonly number[], some: Wants = {}) {
  const generation = await scheduler.start(prompt, guessing(some));
  const ids = await take(scheduler, generation, generation.maxTokens);
  scheduler.end(generation, prompt.length + ids.length);
  return { ids, reused: generation.reused, drafter: generation.drafter };
}

/** The same without guesses, a step at a time. */
async function without(says: FakeOptions['says'], prompt: readonly number[], some: Wants = {}): Promise<number[]> {
  const { scheduler } = await setUp({ maxAhead: 1, ...(says && { says }) });
  return (await generate(scheduler, prompt, { ...some, speculation: 'off' })).ids;
}

const prompt = (length: number, seed = 0) => Array.from({ length }, (_, i) => (i * i * 7 + seed * 13 + i) % 64);
/** Columns of the steps that choose for one sequence or more. */
const columns = ({ steps }: FakeModel) =>
  steps.flatMap(({ decode = [] }) => (decode.length > 0 ? [decode.length] : []));

describe('the same tokens', () => {
  const texts = [1, 2, 3, 5, 9].flatMap((period) => [2, 3, 6, 20, 1000].map((chance) => ({ period, chance })));

  test.each(texts)('a text that repeats every $period, but for one of $chance', async ({ period, chance }) => {
    const says = repeats(period, chance);
    for (const speculation of ['always', 'auto'] as const) {
      const { scheduler } = await setUp({ says });
      const { ids } = await generate(scheduler, prompt(12), { speculation, maxTokens: 150 });
      expect(ids).toEqual(await without(says, prompt(12), { maxTokens: 150 }));
    }
  });

  test('several at once, of all kinds, with one that does not guess', async () => {
    const says = repeats(4, 5);
    const { fake, scheduler } = await setUp({ says, sequences: 5 });
    const kinds: (Wants & { prompt: number[] })[] = [
      { prompt: prompt(30, 1) },
      { prompt: prompt(3, 2), speculation: 'auto', wantsLogits: true },
      { prompt: prompt(11, 3), repeatPenalty: 1.5, repeatLastN: 5 },
      { prompt: prompt(8, 4), temperature: 0.001, repeatPenalty: 1.2, maxTokens: 33 },
      { prompt: prompt(9, 5), speculation: 'off', maxTokens: 80 },
    ];
    const results = await Promise.all(kinds.map(({ prompt, ...some }) => generate(scheduler, prompt, some)));
    for (const [i, { prompt, ...some }] of kinds.entries()) {
      expect(results[i]!.ids).toEqual(await without(says, prompt, some));
    }
    expect(results.map(({ drafter }) => drafter !== undefined)).toEqual([true, true, false, true, false]);
    expect(Math.max(...columns(fake))).toBe(8);
  });

  test('more sequences than columns to spare', async () => {
    const says = repeats(4, 5);
    const { scheduler } = await setUp({ says, sequences: 8 });
    const prompts = Array.from({ length: 11 }, (_, i) => prompt(4 + i, i));
    const results = await Promise.all(prompts.map((each) => generate(scheduler, each)));
    for (const [i, each] of prompts.entries()) expect(results[i]!.ids).toEqual(await without(says, each));
  });

  test('logits come with the tokens that were guessed', async () => {
    const { scheduler } = await setUp({ says: (position) => (position % 10 < 9 ? position % 2 : position % 64) });
    const generation = await scheduler.start(prompt(8), guessing({ wantsLogits: true }));
    for (let i = 0; i < 40; i++) {
      const { id, logits } = (await scheduler.next(generation))!;
      expect(logits!.indexOf(1000)).toBe(id);
    }
    expect(generation.drafter!.acceptedCount).toBeGreaterThan(3);
    expect(generation.drafter!.acceptedCount).toBeLessThan(generation.drafter!.draftedCount);
  });
});

describe('passes', () => {
  test('a text that repeats takes few, and each token says whether it began one', async () => {
    const { fake, scheduler } = await setUp({ says: repeats(3, 1e9) });
    const generation = await scheduler.start([0, 1, 2, 0, 1, 2], guessing({ maxTokens: 57 }));
    const starts: boolean[] = [];
    for (let i = 0; i < 57; i++) starts.push((await scheduler.next(generation))!.startsPass);
    expect(columns(fake)).toEqual([8, 8, 8, 8, 8, 8, 8]);
    expect(starts.filter(Boolean)).toHaveLength(1 + 7);
    expect(generation.drafter).toMatchObject({ draftedCount: 49, acceptedCount: 49 });
  });

  test('never more than maxTokens, nor beyond the context', async () => {
    const { fake, scheduler } = await setUp({ says: repeats(1, 1e9), contextLength: 256, maxPrefill: 300 });
    expect((await generate(scheduler, Array(20).fill(0), { maxTokens: 5 })).ids).toHaveLength(5);
    expect(columns(fake)).toEqual([4]);
    const { ids } = await generate(scheduler, Array(245).fill(0));
    expect(ids).toHaveLength(12);
    for (const { decode = [] } of fake.steps) for (const { position } of decode) expect(position).toBeLessThan(256);
  });

  test('guesses take no page: the sequence beside finds the same room as without', async () => {
    const { fake, scheduler } = await setUp({ says: repeats(1, 1e9), contextLength: 2 * pageLength, maxPrefill: 300 });
    const generation = await scheduler.start(Array(pageLength - 4).fill(0), guessing({ maxTokens: 3 }));
    await take(scheduler, generation, 3);
    expect(fake.kv.isReserved(generation.sequence, 0, pageLength)).toBe(true);
    expect(fake.kv.isReserved(generation.sequence, pageLength, pageLength + 1)).toBe(false);
    scheduler.end(generation, pageLength - 1);
  });

  test('who stops taking is not stepped for ever', async () => {
    const { fake, scheduler } = await setUp({ says: repeats(1, 1e9) });
    const generation = await scheduler.start(Array(9).fill(0), guessing({ maxTokens: 500 }));
    for (let i = 0; i < 30; i++) await turn();
    expect(fake.steps.length).toBeLessThan(4);
    scheduler.end(generation, 9);
  });
});

describe('what is rejected leaves no trace', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('ended after %i tokens: the next goes on from what was said', async (count) => {
    const says = repeats(3, 4);
    const { scheduler } = await setUp({ says });
    const first = await scheduler.start(prompt(9), guessing({}));
    const ids = await take(scheduler, first, count);
    scheduler.end(first, 9 + count); // also amid tokens of a pass that were not taken, or a pass on its way
    const longer = [...prompt(9), ...ids, 50, 51];
    const next = await generate(scheduler, longer);
    expect(next.ids).toEqual(await without(says, longer));
    expect(next.reused).toBeGreaterThanOrEqual(9);
    expect(next.reused).toBeLessThanOrEqual(9 + count);
  });

  test('a prompt that begins like what was guessed does not find it', async () => {
    // The text repeats but for the last of four, so that guesses are wrong there
    const says = (position: number, hash: number) => (position % 4 === 3 ? hash % 64 : position % 4);
    const { scheduler } = await setUp({ says, sequences: 2 });
    const { ids } = await generate(scheduler, [0, 1, 2, 9, 0, 1, 2, 9], { maxTokens: 3 });
    expect(ids).toEqual([0, 1, 2]);
    const { reused } = await generate(scheduler, [0, 1, 2, 9, 0, 1, 2, 9, 0, 1, 2, 9, 0, 1, 5]);
    expect(reused).toBeLessThanOrEqual(11);
  });
});

describe('a draft model', () => {
  /** Random words, of which prompt lookup knows nothing; the draft model is wrong where a number of its own says so. */
  const says = (position: number, hash: number) => (hash + position) % 64;
  const errs = (chance: number) => (position: number, hash: number) => (hash % chance === 0 ? 0 : says(position, hash));

  async function withDraft(chance: number, options: FakeOptions = {}, draftOptions: FakeOptions = {}) {
    const fake = await made({ says, ...options });
    const small = await made({ says: errs(chance), ...options, ...draftOptions });
    const draft = new DraftModel();
    await draft.use(small.asModel);
    return { fake, small, draft, scheduler: new Scheduler(fake.asModel, fake, undefined, draft) };
  }

  test.each([1, 2, 3, 7, 1000])('that is wrong in one of %i: the same tokens', async (chance) => {
    for (const speculation of ['always', 'auto'] as const) {
      const { scheduler } = await withDraft(chance, { sequences: 3 });
      const kinds: (Wants & { prompt: number[] })[] = [
        { prompt: prompt(30, 1) },
        { prompt: prompt(3, 2), temperature: 0.001, wantsLogits: true },
        { prompt: prompt(9, 3), temperature: 0, maxTokens: 25 },
      ];
      const results = await Promise.all(
        kinds.map(({ prompt, ...some }) => generate(scheduler, prompt, { ...some, speculation })),
      );
      for (const [i, { prompt, ...some }] of kinds.entries()) {
        expect(results[i]!.ids).toEqual(await without(says, prompt, some));
      }
      const again = await generate(scheduler, [...prompt(30, 1), ...results[0]!.ids.slice(0, 20), 5], { speculation });
      expect(again.reused).toBe(50);
    }
  });

  test('that is always right: seven drafts to a pass, also of sampled text', async () => {
    const { fake, small, scheduler } = await withDraft(1e9);
    const { ids, drafter } = await generate(scheduler, prompt(9), { maxTokens: 49 });
    expect(ids).toEqual(await without(says, prompt(9), { maxTokens: 49 }));
    expect(columns(fake)).toEqual([8, 8, 8, 8, 8, 8]);
    expect(drafter).toMatchObject({ draftedCount: 42, acceptedCount: 42 });
    expect(columns(small).length).toBeLessThanOrEqual(6 * 8);
  });

  test('that can have but one step on its way', async () => {
    const { scheduler } = await withDraft(4, {}, { maxAhead: 1 });
    expect((await generate(scheduler, prompt(9))).ids).toEqual(await without(says, prompt(9)));
  });

  test('whose context is shorter, or whose steps fail: the text goes on without it', async () => {
    const options = { maxPrefill: 300, contextLength: 2 * pageLength };
    const { scheduler } = await withDraft(1e9, options, { contextLength: pageLength });
    expect((await generate(scheduler, prompt(240))).ids).toEqual(await without(says, prompt(240)));
    const failing = await withDraft(1e9);
    failing.small.failures.push(...Array.from({ length: 9 }, () => new Error('the file is gone')));
    expect((await generate(failing.scheduler, prompt(9))).ids).toEqual(await without(says, prompt(9)));
  });

  test('ended, or closed, while it drafts', async () => {
    const { small, scheduler } = await withDraft(1e9, { sequences: 2 });
    const gate = Promise.withResolvers<void>();
    const first = await scheduler.start(prompt(9), guessing({}));
    await take(scheduler, first, 1);
    small.gate = gate.promise;
    scheduler.next(first).catch(() => undefined); // whoever ends it waits no longer
    for (let i = 0; i < 5; i++) await turn();
    scheduler.end(first, 10);
    const second = generate(scheduler, prompt(12, 1));
    for (let i = 0; i < 5; i++) await turn();
    gate.resolve();
    expect((await second).ids).toEqual(await without(says, prompt(12, 1)));
    await scheduler.close();
    expect(small.isDestroyed).toBe(true);
  });

  test('is opened again with the model after a loss', async () => {
    const draft = new DraftModel();
    const models = [await made({ says })];
    await draft.use((await made({ says })).asModel);
    const reopen = async () => {
      models.push(await made({ says }));
      await draft.use((await made({ says })).asModel);
      return models.at(-1)!.asModel;
    };
    const scheduler = new Scheduler(models[0]!.asModel, { sequences: 1 }, reopen, draft);
    const generation = await scheduler.start(prompt(9), guessing({}));
    const ids = await take(scheduler, generation, 20);
    models[0]!.lose();
    expect([...ids, ...(await take(scheduler, generation, 40))]).toEqual(await without(says, prompt(9)));
    expect(columns(models[1]!)).toContain(8);
  });
});

describe('things go wrong', () => {
  test.each([1, 2, 3, 5, 8, 13])('the device is lost after %i steps', async (count) => {
    const says = repeats(3, 4);
    const models = [await made({ says, sequences: 2 })];
    const scheduler = new Scheduler(models[0]!.asModel, { sequences: 2 }, async () => {
      models.push(await made({ says, sequences: 2 }));
      return models.at(-1)!.asModel;
    });
    const { submit } = models[0]!;
    models[0]!.submit = (batch) => {
      if (models[0]!.steps.length === count) models[0]!.lose();
      return submit(batch);
    };
    const results = await Promise.all([generate(scheduler, prompt(9)), generate(scheduler, prompt(20, 1))]);
    expect(results.map(({ ids }) => ids)).toEqual([await without(says, prompt(9)), await without(says, prompt(20, 1))]);
    expect(models).toHaveLength(2);
  });

  test('a step fails while it verifies: who is in it hears, and the next request works', async () => {
    const says = repeats(2, 9);
    const { fake, scheduler } = await setUp({ says });
    const { submit } = fake;
    fake.submit = (batch) => {
      if ((batch.decode ?? []).length > 1) fake.failures.push(new Error('the file is gone'));
      return submit(batch);
    };
    const failing = await scheduler.start(prompt(9), guessing({}));
    await expect(take(scheduler, failing, 60)).rejects.toThrow('the file is gone');
    scheduler.end(failing, 9);
    fake.submit = submit;
    expect((await generate(scheduler, prompt(9))).ids).toEqual(await without(says, prompt(9)));
  });
});
