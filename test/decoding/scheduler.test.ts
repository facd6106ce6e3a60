/** Generations together, against each alone; and what happens when things end, fail, or are lost. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ContextFullError } from '../../src/decoding/kv_cache.ts';
import { type Batch, NoRoomError } from '../../src/decoding/model.ts';
import { Scheduler } from '../../src/decoding/scheduler.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { fakeConfig } from './fake_device.ts';
import { type FakeModel, type FakeOptions, fakeModel } from './fake_model.ts';
import { take, type Wants, wants } from './wants.ts';

/** Every fake of a test: none may have met a position that does not hold what it should. */
const fakes: FakeModel[] = [];
const rejections: unknown[] = [];
const onRejection = (reason: unknown) => rejections.push(reason);

beforeEach(() => {
  process.on('unhandledRejection', onRejection);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await turn();
  process.off('unhandledRejection', onRejection);
  expect(fakes.splice(0).flatMap(({ corruptions }) => corruptions)).toEqual([]);
  expect(rejections.splice(0)).toEqual([]);
});

async function made(options: FakeOptions = {}): Promise<FakeModel> {
  const fake = await fakeModel(options);
  fakes.push(fake);
  return fake;
}

async function setUp(options: FakeOptions = {}) {
  const fake = await made(options);
  return { fake, scheduler: new Scheduler(fake.asModel, fake) };
}

/** A scheduler whose model is opened again, `reopen` permitting; `models` are all of them, in order. */
async function recoverable(options: FakeOptions = {}, reopen: () => Promise<void> = async () => undefined) {
  const models = [await made(options)];
  const scheduler = new Scheduler(models[0]!.asModel, models[0]!, async () => {
    await reopen();
    models.push(await made(options));
    return models.at(-1)!.asModel;
  });
  return { models, scheduler };
}

async function generate(scheduler: Scheduler, prompt: readonly number[], some: Wants = {}) {
  const options = wants(some);
  const generation = await scheduler.start(prompt, options);
  let ids: number[] = [];
  try {
    ids = await take(scheduler, generation, options.maxTokens);
  } finally {
    scheduler.end(generation, prompt.length + ids.length);
  }
  return { ids, reused: generation.reused };
}

/** What a prompt gives alone, a step at a time. */
async function alone(prompt: readonly number[], some: Wants = {}): Promise<number[]> {
  const { scheduler } = await setUp({ maxAhead: 1 });
  return (await generate(scheduler, prompt, some)).ids;
}

/** Numbers that follow from a seed. */
const prompt = (length: number, seed = 0) => Array.from({ length }, (_, i) => (i * i * 7 + seed * 13 + i) % 64);

/** Until all that can happen without the test has happened. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

/** What comes of `work` unless nothing moves any more. */
const unlessStuck = <T>(work: Promise<T>) =>
  Promise.race([
    work,
    settled()
      .then(settled)
      .then(() => 'stuck' as const),
  ]);

/** Turns of the microtask queue: some of them stand between what belongs together. */
const moments = Array.from({ length: 40 }, (_, i) => i);

describe('together', () => {
  test('several give what each gives alone, whatever chooses their tokens', async () => {
    const { fake, scheduler } = await setUp({ sequences: 4 });
    const kinds = [
      { prompt: prompt(30, 1) },
      { prompt: prompt(3, 2), repeatPenalty: 1.5, repeatLastN: 5 },
      { prompt: prompt(11, 3), frequencyPenalty: 1, repeatLastN: -1, wantsLogits: true },
      { prompt: prompt(8, 4), temperature: 0.001, maxTokens: 7 },
    ];
    const results = await Promise.all(kinds.map(({ prompt, ...some }) => generate(scheduler, prompt, some)));
    for (const [i, { prompt, ...some }] of kinds.entries()) {
      expect(results[i]!.ids).toEqual(await alone(prompt, some));
      expect(results[i]!.ids).toHaveLength(some.maxTokens ?? 20);
    }
    expect(fake.steps.length).toBeLessThan(40); // one after the other: 7 + 20 + 2 + 20 + 2 + 20 + 1 + 7
    expect(fake.written).toHaveLength(2);
  });

  test('more generations than sequences, one after the other', async () => {
    const { scheduler } = await setUp({ sequences: 2 });
    const prompts = [1, 2, 3, 4, 5, 6].map((seed) => prompt(5 + seed, seed));
    const results = await Promise.all(prompts.map((each) => generate(scheduler, each)));
    expect(results.map(({ ids }) => ids)).toEqual(await Promise.all(prompts.map((each) => alone(each))));
  });

  test('a prompt that begins like one that is being generated goes on from it, and each keeps its own', async () => {
    const { scheduler } = await setUp({ sequences: 3 });
    const first = await scheduler.start(prompt(20), wants());
    const begun = await take(scheduler, first, 3);
    const [other, same] = await Promise.all([
      generate(scheduler, [...prompt(15), 60, 61]),
      generate(scheduler, prompt(20), { seed: 9 }),
    ]);
    expect([other.reused, same.reused]).toEqual([15, 19]);
    expect(other.ids).toEqual(await alone([...prompt(15), 60, 61]));
    expect(same.ids).toEqual(await alone(prompt(20), { seed: 9 }));
    expect([...begun, ...(await take(scheduler, first, 17))]).toEqual(await alone(prompt(20)));
  });
});

describe('ahead', () => {
  test('who stops taking is stepped for no more than maxAhead tokens', async () => {
    const { fake, scheduler } = await setUp();
    const generation = await scheduler.start(prompt(8), wants());
    await take(scheduler, generation, 1);
    await settled();
    expect(fake.steps).toHaveLength(1 + 4);
    await take(scheduler, generation, 2);
    await settled();
    expect(fake.steps).toHaveLength(1 + 4 + 2);
  });

  test('no more than maxAhead steps are on their way', async () => {
    const { fake, scheduler } = await setUp({ manual: true, sequences: 2 });
    const both = [await scheduler.start(prompt(8), wants()), await scheduler.start(prompt(5, 1), wants())];
    const taken = both.map((each) => take(scheduler, each, 20));
    for (let i = 0; i < 60; i++) {
      await settled();
      expect(fake.inFlight).toBeLessThanOrEqual(4);
      fake.finish();
    }
    expect(await Promise.all(taken)).toEqual([await alone(prompt(8)), await alone(prompt(5, 1))]);
  });

  test('a prompt tells how far it is, of all of it', async () => {
    const { scheduler } = await setUp();
    const heard: unknown[] = [];
    const onProgress = (progress: unknown) => heard.push(progress);
    await generate(scheduler, prompt(20), { maxTokens: 3, onProgress });
    expect(heard).toEqual([8, 16, 20].map((doneTokens) => ({ doneTokens, totalTokens: 20 })));
    heard.length = 0;
    await generate(scheduler, prompt(20), { maxTokens: 3, onProgress });
    expect(heard).toEqual([{ doneTokens: 20, totalTokens: 20 }]); // the cache held the others
  });

  test('who fails to hear of progress fails alone', async () => {
    const { scheduler } = await setUp({ sequences: 2 });
    const onProgress = () => {
      throw new Error('deaf');
    };
    const failing = generate(scheduler, prompt(20), { onProgress });
    const other = generate(scheduler, prompt(5, 1), { maxTokens: 3 });
    await expect(failing).rejects.toThrow('deaf');
    expect((await other).ids).toHaveLength(3);
  });

  test('nobody waits: the loop sleeps, and wakes again', async () => {
    const { fake, scheduler } = await setUp();
    await generate(scheduler, prompt(8), { maxTokens: 3 });
    await settled();
    const { length } = fake.steps;
    await settled();
    expect(fake.steps).toHaveLength(length);
    expect((await generate(scheduler, prompt(9, 5), { maxTokens: 3 })).ids).toHaveLength(3);
  });

  test('prompts are not submitted further ahead than steps are', async () => {
    const { fake, scheduler } = await setUp({ manual: true });
    await scheduler.start(prompt(200), wants());
    await settled();
    expect(fake.inFlight).toBeLessThanOrEqual(4);
  });
});

describe('the end', () => {
  test('what was computed beyond it is not there for the next', async () => {
    const { scheduler } = await setUp();
    const tokens = await alone(prompt(8));
    const generation = await scheduler.start(prompt(8), wants());
    await take(scheduler, generation, 3); // and more are on their way
    scheduler.end(generation, 8 + 2);
    const { reused } = await generate(scheduler, [...prompt(8), ...tokens]);
    expect(reused).toBe(8 + 2);
    expect((await generate(scheduler, [...prompt(8), ...tokens])).ids).toEqual(await alone([...prompt(8), ...tokens]));
  });

  test('in the midst of a prompt: what was computed of it is reused', async () => {
    const { fake, scheduler } = await setUp();
    const generation = await scheduler.start(prompt(20), wants());
    while (fake.steps.length < 1) await Promise.resolve();
    scheduler.end(generation, 20);
    scheduler.end(generation, 20); // once is enough
    const { reused, ids } = await generate(scheduler, prompt(20));
    expect(reused).toBeGreaterThanOrEqual(8);
    expect(ids).toEqual(await alone(prompt(20)));
  });

  test('the context is full: the tokens that fit, and one more, then the end', async () => {
    const { scheduler } = await setUp({ contextLength: 256, maxPrefill: 300 });
    const { ids } = await generate(scheduler, prompt(250));
    expect(ids).toEqual((await alone(prompt(250))).slice(0, 7));
    await expect(scheduler.start(prompt(257), wants())).rejects.toThrow(
      'the prompt has 257 tokens and the context holds 256',
    );
  });

  test('ended while a step is being submitted that fails: nothing that was not computed is reused', async () => {
    const { fake, scheduler } = await setUp();
    const gate = Promise.withResolvers<void>();
    fake.gate = gate.promise;
    const generation = await scheduler.start(prompt(8), wants());
    await settled();
    fake.failures.push(new Error('the file is gone'));
    scheduler.end(generation, 8);
    gate.resolve();
    fake.gate = undefined;
    expect(await generate(scheduler, prompt(8))).toEqual({ ids: await alone(prompt(8)), reused: 0 });
  });
});

describe('waiting for a sequence', () => {
  test('first come, first served', async () => {
    const { scheduler } = await setUp();
    const first = await scheduler.start(prompt(4), wants());
    const order: number[] = [];
    const later = [1, 2, 3].map(async (seed) => {
      const generation = await scheduler.start(prompt(4, seed), wants());
      order.push(seed);
      await take(scheduler, generation, 2);
      scheduler.end(generation, 6);
    });
    await settled();
    expect(order).toEqual([]);
    scheduler.end(first, 4);
    await Promise.all(later);
    expect(order).toEqual([1, 2, 3]);
  });

  test('who gives up while waiting is left out', async () => {
    const { scheduler } = await setUp();
    const first = await scheduler.start(prompt(4), wants());
    const controller = new AbortController();
    const given = scheduler.start(prompt(4, 1), wants(), controller.signal);
    const next = scheduler.start(prompt(4, 2), wants());
    await settled();
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    scheduler.end(first, 4);
    expect(await take(scheduler, await next, 20)).toEqual(await alone(prompt(4, 2)));
  });

  test('who gives up just as its turn has come takes nobody else out', async () => {
    const { fake, scheduler } = await setUp();
    const first = await scheduler.start(prompt(4), wants());
    const controller = new AbortController();
    const given = scheduler.start(prompt(4, 1), wants(), controller.signal).then(
      (generation) => scheduler.end(generation, 0),
      () => undefined,
    );
    const next = scheduler.start(prompt(4, 2), wants());
    await settled();
    const { edit } = fake;
    fake.edit = (change) =>
      edit((kv) => {
        const result = change(kv);
        controller.abort();
        return result;
      });
    scheduler.end(first, 4);
    await given;
    expect(await Promise.race([next, settled()])).toBeDefined();
  });

  test('who comes in the moment between does not go first', async () => {
    const { fake, scheduler } = await setUp();
    const first = await scheduler.start(prompt(4), wants());
    const order: string[] = [];
    const follow = async (name: string) => {
      const generation = await scheduler.start(prompt(4, 1), wants());
      order.push(name);
      scheduler.end(generation, 0);
    };
    const waiting = follow('waiting');
    await settled();
    const { edit } = fake;
    let late: Promise<void> | undefined;
    fake.edit = (change) =>
      edit((kv) => {
        const result = change(kv);
        late ??= follow('late');
        return result;
      });
    scheduler.end(first, 4);
    await waiting;
    await late;
    expect(order).toEqual(['waiting', 'late']);
  });
});

describe('a step that fails', () => {
  test('before it is submitted: those of it hear why, and the next request works', async () => {
    const { fake, scheduler } = await setUp();
    fake.failures.push(new Error('the file is gone'));
    const failing = await scheduler.start(prompt(8), wants());
    await expect(scheduler.next(failing)).rejects.toThrow('the file is gone');
    scheduler.end(failing, 8);
    expect(await generate(scheduler, prompt(8))).toEqual({ ids: await alone(prompt(8)), reused: 0 });
  });

  test('those who are in it alone', async () => {
    const { fake, scheduler } = await setUp({ sequences: 2 });
    const idle = await scheduler.start(prompt(8), wants());
    const ids = await take(scheduler, idle, 1);
    await settled(); // it is as far ahead as it may be
    fake.failures.push(new Error('the file is gone'));
    const failing = await scheduler.start(prompt(8, 1), wants());
    await expect(scheduler.next(failing)).rejects.toThrow('the file is gone');
    scheduler.end(failing, 8);
    expect([...ids, ...(await take(scheduler, idle, 19))]).toEqual(await alone(prompt(8)));
    expect((await generate(scheduler, prompt(8, 1))).ids).toEqual(await alone(prompt(8, 1)));
  });

  test('logits that are no numbers: whose they are hears of it', async () => {
    const { fake, scheduler } = await setUp({ sequences: 2 });
    const { submit } = fake;
    fake.submit = async (batch) => {
      const { results } = await submit(batch);
      return {
        async results() {
          const { ids, ...others } = await results();
          const tokens = [...(batch.prefill ?? []), ...(batch.decode ?? [])].filter(({ wantsLogits }) => wantsLogits);
          return { ids: ids.map((id, row) => (tokens[row]!.sequence === 1 ? 0xffffffff : id)), ...others };
        },
      };
    };
    const [good, bad] = [await scheduler.start(prompt(8), wants()), await scheduler.start(prompt(8, 1), wants())];
    await expect(take(scheduler, bad, 5)).rejects.toThrow('the logits are no numbers');
    expect(await take(scheduler, good, 20)).toEqual(await alone(prompt(8)));
  });

  test('tokens after a step that failed are not delivered in its place', async () => {
    const { fake, scheduler } = await setUp();
    const { submit } = fake;
    let count = 0;
    fake.submit = async (batch) => {
      const { results } = await submit(batch);
      if (++count !== 3) return { results };
      return {
        async results() {
          await results();
          throw new Error('no memory for the readback');
        },
      };
    };
    const generation = await scheduler.start(prompt(8), wants());
    const ids: number[] = [];
    await expect(
      (async () => {
        for (;;) ids.push((await scheduler.next(generation))!.id);
      })(),
    ).rejects.toThrow('no memory for the readback');
    expect(ids).toEqual((await alone(prompt(8))).slice(0, 2));
  });
});

describe('no room', () => {
  /** Three pages for two generations that need two each. */
  async function narrow() {
    const { scheduler } = await setUp({ sequences: 2, contextLength: 768, maxPrefill: 300 });
    return { scheduler, a: prompt(250, 1), b: prompt(250, 2) };
  }

  test('one waits until the other has given back, and goes on as if nothing were', async () => {
    const { scheduler, a, b } = await narrow();
    const results = await Promise.all([generate(scheduler, a), generate(scheduler, b)]);
    expect(results.map(({ ids }) => ids)).toEqual([await alone(a), await alone(b)]);
  });

  test('nobody else could give any back: the end', async () => {
    const { scheduler } = await setUp({ sequences: 2, contextLength: 256, maxPrefill: 300 });
    const other = await scheduler.start(prompt(3), wants());
    scheduler.end(other, 3);
    const { ids } = await generate(scheduler, prompt(250, 1));
    expect(ids).toEqual((await alone(prompt(250, 1))).slice(0, 7)); // what was held of the other is evicted
  });

  test('a step without room goes back while an older one is delivered', async () => {
    const { fake, scheduler } = await setUp({ sequences: 2 });
    const generation = await scheduler.start(prompt(8), wants());
    const other = await scheduler.start(prompt(4, 1), wants());
    await take(scheduler, other, 1);
    const { submit } = fake;
    let count = 0;
    fake.submit = async (batch) => {
      if (batch.decode?.[0]?.sequence === generation.sequence && ++count === 2) {
        await settled(); // the older steps are delivered
        throw new NoRoomError(generation.sequence, new ContextFullError('full'));
      }
      return submit(batch);
    };
    const ids = take(scheduler, generation, 20);
    await settled();
    scheduler.end(other, 5);
    expect(await unlessStuck(ids)).toEqual(await alone(prompt(8)));
  });

  test.each(moments)('a release that comes %i moments after a step had no room', async (delay) => {
    const { fake, scheduler } = await setUp({ sequences: 2 });
    const a = await scheduler.start(prompt(4), wants());
    const b = await scheduler.start(prompt(4, 1), wants());
    await take(scheduler, b, 1);
    await settled();
    // a is stalled by its next step, while b is idle
    const { submit } = fake;
    let done = false;
    fake.submit = (batch) => {
      if (done) return submit(batch);
      done = true;
      (async () => {
        for (let i = 0; i < delay; i++) await undefined;
        scheduler.end(b, 5);
      })();
      return Promise.reject(new NoRoomError(a.sequence, new ContextFullError('full')));
    };
    expect(await unlessStuck(take(scheduler, a, 20))).toEqual(await alone(prompt(4)));
  });
});

describe('a lost device', () => {
  test('the model is opened again, once, and all go on with the same tokens', async () => {
    let reopened = 0;
    const { models, scheduler } = await recoverable({ sequences: 3 }, async () => {
      reopened++;
      await settled();
    });
    const kinds = [
      { prompt: prompt(8) },
      { prompt: prompt(12, 1), repeatPenalty: 1.5, repeatLastN: 4 },
      { prompt: prompt(5, 2), temperature: 0.001 },
    ];
    const running = kinds.map(async ({ prompt, ...some }) => {
      const generation = await scheduler.start(prompt, wants(some));
      const ids = await take(scheduler, generation, 6);
      if (!models[1]) models[0]!.lose();
      return [...ids, ...(await take(scheduler, generation, 14))];
    });
    const expected = await Promise.all(kinds.map(({ prompt, ...some }) => alone(prompt, some)));
    expect(await Promise.all(running)).toEqual(expected);
    expect(reopened).toBe(1);
    expect(models[0]!.isDestroyed).toBe(true);
  });

  test('steps on their way that fail together open it once', async () => {
    const { models, scheduler } = await recoverable({ manual: true });
    const generation = await scheduler.start(prompt(8), wants());
    const taken = take(scheduler, generation, 20);
    await settled();
    expect(models[0]!.inFlight).toBe(4);
    models[0]!.lose();
    await settled();
    expect(models).toHaveLength(2);
    for (let i = 0; i < 40; i++) {
      await settled();
      models[1]!.finish();
    }
    expect(await taken).toEqual(await alone(prompt(8)));
  });

  test('nothing of before is reused', async () => {
    const { models, scheduler } = await recoverable();
    await generate(scheduler, prompt(8));
    models[0]!.lose();
    expect((await generate(scheduler, prompt(9, 3))).ids).toEqual(await alone(prompt(9, 3)));
    expect((await generate(scheduler, prompt(8))).reused).toBe(0);
  });

  test('ended while the model is opened: nothing of it is there afterwards', async () => {
    const gate = Promise.withResolvers<void>();
    const { models, scheduler } = await recoverable({}, () => gate.promise);
    const generation = await scheduler.start(prompt(8), wants());
    await take(scheduler, generation, 2);
    models[0]!.lose();
    scheduler.next(generation).catch(() => undefined);
    await settled();
    scheduler.end(generation, 10);
    await settled();
    gate.resolve();
    await settled();
    expect(await generate(scheduler, prompt(8))).toEqual({ ids: await alone(prompt(8)), reused: 0 });
  });

  test('begun while the model is opened: waits for it', async () => {
    const gate = Promise.withResolvers<void>();
    const { models, scheduler } = await recoverable({ sequences: 2 }, () => gate.promise);
    await generate(scheduler, prompt(8));
    models[0]!.lose();
    const first = generate(scheduler, prompt(8, 1));
    await settled();
    const second = generate(scheduler, prompt(8));
    await settled();
    gate.resolve();
    expect(await first).toMatchObject({ ids: await alone(prompt(8, 1)) });
    expect(await second).toMatchObject({ ids: await alone(prompt(8)) });
  });

  test('a second time within a minute is the end', async () => {
    const { models, scheduler } = await recoverable();
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000_000);
    models[0]!.lose();
    expect((await generate(scheduler, prompt(8))).ids).toEqual(await alone(prompt(8)));
    now.mockReturnValue(1_030_000);
    models[1]!.lose();
    const error = await generate(scheduler, prompt(8, 1)).catch((reason) => reason);
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error.message).toMatch(/second loss within a minute/);
    expect(models).toHaveLength(2);
  });

  test('without a way to open it again: each hears of the loss', async () => {
    const { fake, scheduler } = await setUp({ sequences: 2 });
    fake.lose();
    const both = await Promise.allSettled([generate(scheduler, prompt(8)), generate(scheduler, prompt(4, 1))]);
    for (const result of both) {
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'DeviceLostError' } });
    }
  });

  test('it cannot be opened again: who was running hears why', async () => {
    const { models, scheduler } = await recoverable({ sequences: 2 }, async () => {
      throw new Error('no adapter');
    });
    const generation = await scheduler.start(prompt(8), wants());
    await take(scheduler, generation, 1);
    models[0]!.lose();
    await expect(take(scheduler, generation, 19)).rejects.toThrow('no adapter');
    scheduler.end(generation, 9);
  });

  test('it cannot be opened again: all hear why', async () => {
    const { models, scheduler } = await recoverable({ sequences: 3, manual: true }, async () => {
      await settled();
      throw new Error('no adapter');
    });
    const a = await scheduler.start(prompt(8), wants());
    const first = scheduler.next(a).catch((error) => error.message);
    await settled();
    const b = await scheduler.start(prompt(4, 1), wants());
    const second = scheduler.next(b).catch((error) => error.message);
    await settled();
    models[0]!.lose();
    expect([await first, await second]).toEqual(['no adapter', 'no adapter']);
  });

  test('a lost device that was lost too soon is opened again a minute later, whoever asked meanwhile', async () => {
    const { models, scheduler } = await recoverable();
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000_000);
    models[0]!.lose();
    await generate(scheduler, prompt(8));
    models[1]!.lose();
    for (const time of [1_030_000, 1_050_000]) {
      now.mockReturnValue(time);
      await generate(scheduler, prompt(8)).catch(() => undefined);
    }
    now.mockReturnValue(1_065_000);
    expect((await generate(scheduler, prompt(8))).ids).toEqual(await alone(prompt(8)));
  });

  test.each(moments)('begun %i moments after the model could be opened', async (delay) => {
    const gate = Promise.withResolvers<void>();
    const { models, scheduler } = await recoverable({ sequences: 2 }, () => gate.promise);
    await generate(scheduler, prompt(8));
    models[0]!.lose();
    const first = generate(scheduler, prompt(8, 1));
    await settled();
    gate.resolve();
    for (let i = 0; i < delay; i++) await undefined;
    expect((await generate(scheduler, prompt(8))).ids).toEqual(await alone(prompt(8)));
    await first;
  });

  test('released late, behind a step of the lost device that still waits: nothing of it is reused', async () => {
    const reopening = Promise.withResolvers<void>();
    const { models, scheduler } = await recoverable({ manual: true }, () => reopening.promise);
    const first = await scheduler.start(prompt(8), wants());
    const taken = scheduler.next(first);
    await settled();
    const embeddings = Promise.withResolvers<void>();
    models[0]!.gate = embeddings.promise;
    models[0]!.finish();
    await taken;
    await settled(); // a fifth step is being submitted
    models[0]!.lose();
    await settled();
    scheduler.end(first, 9);
    reopening.resolve();
    await settled();
    embeddings.resolve();
    const next = generate(scheduler, prompt(8));
    for (let i = 0; i < 40; i++) {
      await settled();
      models[1]!.finish();
    }
    expect(await next).toEqual({ ids: await alone(prompt(8)), reused: 0 });
  });

  test('loss while the cache finds no room is a loss', async () => {
    const { models, scheduler } = await recoverable();
    models[0]!.failures.push(new NoRoomError(0, new Error('createBuffer: device is lost')));
    models[0]!.lose();
    expect((await generate(scheduler, prompt(8))).ids).toEqual(await alone(prompt(8)));
  });
});

describe('rows', () => {
  async function rows(scheduler: Scheduler, tokens: readonly number[], of: 'all' | 'last', signal?: AbortSignal) {
    const ids: number[] = [];
    for await (const some of scheduler.rows(tokens, of, 'logits', signal)) ids.push(...greatest(some));
    return ids;
  }

  /** Of each row, the id with the greatest logit. */
  function greatest(some: Float32Array): number[] {
    const { vocabLength } = fakeConfig;
    return Array.from({ length: some.length / vocabLength }, (_, row) => {
      const logits = some.subarray(row * vocabLength, (row + 1) * vocabLength);
      return logits.indexOf(Math.max(...logits));
    });
  }

  const greedy = { temperature: 0.001 };
  const nextOf = (tokens: readonly number[]) => alone(tokens, { ...greedy, maxTokens: 1 }).then(([id]) => id!);
  const nextOfEach = (tokens: readonly number[]) => Promise.all(tokens.map((_, i) => nextOf(tokens.slice(0, i + 1))));

  test('one of each token, some at a time; or of the last', async () => {
    const { scheduler } = await setUp();
    expect(await rows(scheduler, prompt(21), 'all')).toEqual(await nextOfEach(prompt(21)));
    expect(await rows(scheduler, prompt(21, 1), 'last')).toEqual([await nextOf(prompt(21, 1))]);
  });

  test('of the last: what is held already is not computed again', async () => {
    const { fake, scheduler } = await setUp();
    await rows(scheduler, prompt(21), 'last');
    const { length } = fake.steps;
    expect(await rows(scheduler, prompt(21), 'last')).toEqual([await nextOf(prompt(21))]);
    expect(fake.steps).toHaveLength(length + 1);
    expect((await generate(scheduler, [...prompt(21), 5])).reused).toBe(21);
  });

  test('beside generations', async () => {
    const { scheduler } = await setUp({ sequences: 2 });
    const [ids, { ids: generated }] = await Promise.all([
      rows(scheduler, prompt(21), 'all'),
      generate(scheduler, prompt(9, 1)),
    ]);
    expect(ids).toEqual(await nextOfEach(prompt(21)));
    expect(generated).toEqual(await alone(prompt(9, 1)));
  });

  test('given up between two reads, by the signal or by the reader: the sequence is free again', async () => {
    const { scheduler } = await setUp();
    const controller = new AbortController();
    const stream = scheduler.rows(prompt(30), 'all', 'logits', controller.signal);
    await stream.next();
    controller.abort(new Error('enough'));
    await expect(stream.next()).rejects.toThrow('enough');
    for await (const _ of scheduler.rows(prompt(30), 'all', 'logits')) break;
    expect((await generate(scheduler, prompt(30))).reused).toBe(16); // a step is ahead
  });

  test('longer than the context', async () => {
    const { scheduler } = await setUp({ contextLength: 256 });
    await expect(rows(scheduler, prompt(257), 'all')).rejects.toThrow('the prompt has 257 tokens');
  });

  test('a step that fails: the reader hears of it, and the sequence is free again', async () => {
    const { fake, scheduler } = await setUp();
    fake.failures.push(new Error('the file is gone'));
    await expect(rows(scheduler, prompt(8), 'all')).rejects.toThrow('the file is gone');
    expect(await generate(scheduler, prompt(8))).toEqual({ ids: await alone(prompt(8)), reused: 0 });
  });

  test('the device is lost: they are computed again, and none comes twice', async () => {
    const { models, scheduler } = await recoverable();
    const ids: number[] = [];
    for await (const some of scheduler.rows(prompt(30), 'all', 'logits')) {
      ids.push(...greatest(some));
      if (ids.length === 16) models[0]!.lose();
    }
    expect(ids).toEqual(await nextOfEach(prompt(30)));
  });

  test('whose reader pauses while another hears of the loss', async () => {
    const { models, scheduler } = await recoverable({ sequences: 2 });
    const stream = scheduler.rows(prompt(30), 'all', 'logits');
    await stream.next();
    models[0]!.lose();
    await generate(scheduler, prompt(8, 1));
    expect(models).toHaveLength(2);
    for await (const some of stream) expect(some.length).toBeGreaterThan(0);
    expect(models[1]!.corruptions).toEqual([]);
  });
});

describe('scores', () => {
  const scoresOf = async (scheduler: Scheduler, tokens: readonly number[], from = 0) =>
    (await Array.fromAsync(scheduler.scores(tokens, { from, top: 1 }))).flat();

  test('of several prompts in the same steps, beside a generation, as each alone', async () => {
    const one = await setUp();
    const alone5 = await scoresOf(one.scheduler, prompt(30, 5));
    const alone6 = await scoresOf(one.scheduler, prompt(20, 6), 7);
    expect([alone5.length, alone6.length]).toEqual([30, 13]);
    const { fake, scheduler } = await setUp({ sequences: 3, maxPrefill: 12 });
    const [five, six, { ids }] = await Promise.all([
      scoresOf(scheduler, prompt(30, 5)),
      scoresOf(scheduler, prompt(20, 6), 7),
      generate(scheduler, prompt(9, 1)),
    ]);
    expect([five, six, ids]).toEqual([alone5, alone6, await alone(prompt(9, 1))]);
    const sequencesOf = ({ prefill = [], decode = [] }: Batch) =>
      new Set([...prefill, ...decode].map(({ sequence }) => sequence)).size;
    expect(Math.max(...fake.steps.map(sequencesOf))).toBeGreaterThan(1);
  });
});

describe('beginnings that several prompts share', () => {
  const shared = prompt(100, 3);
  const computed = (steps: readonly Batch[]) => steps.reduce((sum, { prefill = [] }) => sum + prefill.length, 0);

  test('who comes while another computes it waits for that: it is computed once', async () => {
    const { fake, scheduler } = await setUp({ sequences: 4 });
    const prompts = [1, 2, 3, 4].map((last) => [...shared, last, 7]);
    const results = await Promise.all(prompts.map((tokens) => generate(scheduler, tokens)));
    for (const [i, { ids }] of results.entries()) expect(ids).toEqual(await alone(prompts[i]!));
    expect(computed(fake.steps)).toBe(100 + 4 * 2);
  });

  test('one of those that wait gives up; the one that computes is ended: another computes it', async () => {
    const { fake, scheduler } = await setUp({ sequences: 3, manual: true });
    const first = await scheduler.start(shared, wants());
    const controller = new AbortController();
    const second = scheduler.start([...shared, 1], wants(), controller.signal);
    const third = generate(scheduler, [...shared, 2]);
    await settled();
    controller.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    scheduler.end(first, 0);
    for (let i = 0; i < 60; i++) {
      await settled();
      fake.finish();
    }
    expect((await third).ids).toEqual(await alone([...shared, 2]));
  });

  test('many more prompts than sequences: all are held, until the context is wanted', async () => {
    const { fake, scheduler } = await setUp({ sequences: 2, cachedPrefixes: 6, contextLength: 256 * 10 });
    const prompts = [1, 2, 3, 4, 5, 6].map((seed) => prompt(60, seed));
    for (const tokens of prompts) await generate(scheduler, tokens);
    const { length } = fake.steps;
    for (const tokens of prompts) {
      expect(await generate(scheduler, tokens)).toEqual({ ids: await alone(tokens), reused: 59 });
    }
    expect(computed(fake.steps.slice(length))).toBe(6);
    expect((await generate(scheduler, prompt(2300, 9))).ids).toHaveLength(20);
  });
});

describe('closing', () => {
  test('who runs, who waits and who comes later hears of it', async () => {
    const { fake, scheduler } = await setUp({ manual: true });
    const generation = await scheduler.start(prompt(8), wants());
    const results = [
      scheduler.next(generation),
      scheduler.start(prompt(8), wants()),
      scheduler.rows([1, 2], 'all', 'logits').next(),
    ];
    await settled();
    scheduler.close();
    results.push(scheduler.start(prompt(8), wants()));
    for (const result of await Promise.allSettled(results)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { message: 'the model is closed' } });
    }
    scheduler.end(generation, 8);
    expect(fake.isDestroyed).toBe(true);
  });

  test('while the model is opened again: it is destroyed', async () => {
    const gate = Promise.withResolvers<void>();
    const { models, scheduler } = await recoverable({}, () => gate.promise);
    models[0]!.lose();
    const running = generate(scheduler, prompt(8));
    const heard = expect(running).rejects.toThrow('the model is closed');
    await settled();
    scheduler.close();
    gate.resolve();
    await heard;
    await settled();
    expect(models[1]!.isDestroyed).toBe(true);
  });

  test('close while start is on its way', async () => {
    const { scheduler } = await setUp();
    const starting = scheduler.start(prompt(8), wants());
    scheduler.close();
    const result = starting.then((generation) => scheduler.next(generation));
    result.catch(() => undefined);
    expect(await unlessStuck(result.catch((error) => error.message))).toBe('the model is closed');
  });
});
