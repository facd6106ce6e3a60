/** Which tokens of which generations go into a step. */
import { describe, expect, test } from 'vitest';
import { pendingId } from '../../kernels/parts/range.ts';
import { type ComposedStep, type ComposeLimits, composeStep } from '../../src/decoding/compose.ts';
import { Generation } from '../../src/decoding/generation.ts';
import { Sampler } from '../../src/decoding/sampler.ts';
import type { SamplingOptions } from '../../src/decoding/sampling_options.ts';

const limits: ComposeLimits = {
  maxPrefill: 4,
  maxDecode: 3,
  maxLogits: 8,
  maxRows: 16,
  maxAhead: 4,
  contextLength: 100,
};

interface Options extends SamplingOptions {
  reused?: number;
  maxTokens?: number;
}

function generation(sequence: number, prompt: readonly number[], options: Options = {}): Generation {
  const { reused = 0, maxTokens = 50, ...sampling } = options;
  const sampler = new Sampler({ temperature: 0, ...sampling }, 1000);
  return new Generation(sequence, reused, prompt, { sampler, maxTokens, wantsLogits: false, speculation: 'off' });
}

/** `sequence@position=id`, with `!` where a token is chosen. */
function shown(step: ComposedStep | undefined) {
  const texts = (tokens: ComposedStep['prefill'] = []) =>
    tokens.map(({ id, position, sequence, wantsLogits, sampling }) => {
      expect(sampling !== undefined).toBe(wantsLogits);
      return `${sequence}@${position}=${id === pendingId ? '?' : id}${wantsLogits ? '!' : ''}`;
    });
  return {
    prefill: texts(step?.prefill).join(' '),
    decode: texts(step?.decode).join(' '),
    rows: step?.rows.map(({ sequence }) => sequence),
  };
}

const compose = (generations: Generation[], some: Partial<ComposeLimits> = {}) =>
  composeStep(generations, { ...limits, ...some });

/** Composes the prompt, and delivers a token. */
function decoding(sequence: number, options: Options = {}): Generation {
  const made = generation(sequence, [7, 8], options);
  compose([made]);
  made.deliver([9]);
  return made;
}

describe('prompts', () => {
  test('in chunks, whose sum over generations is limited; the last token of each chooses', () => {
    const [a, b] = [generation(0, [1, 2, 3], { reused: 1 }), generation(1, [4, 5, 6])];
    expect(shown(compose([a, b]))).toEqual({ prefill: '0@1=2 0@2=3! 1@0=4 1@1=5', decode: '', rows: [0] });
    expect(shown(compose([b]))).toEqual({ prefill: '1@2=6!', decode: '', rows: [1] });
  });

  test('where there is no room, a generation does not take part', () => {
    const [a, b] = [generation(0, [1, 2, 3, 4, 5]), generation(1, [6])];
    expect(compose([a, b])!.parts.map(({ generation }) => generation)).toEqual([a]);
    expect(b.computed).toBe(0);
  });

  test('beside tokens that are decoded: their rows come first', () => {
    const [a, b, c] = [decoding(0), generation(1, [4, 5]), generation(2, [6])];
    expect(shown(compose([a, b, c]))).toEqual({ prefill: '1@0=4 1@1=5! 2@0=6!', decode: '0@2=9!', rows: [1, 2, 0] });
  });

  test('rows are limited', () => {
    const made = [generation(0, [1]), generation(1, [2]), generation(2, [3])];
    expect(compose(made, { maxLogits: 2 })!.rows).toEqual(made.slice(0, 2));
    expect(made[2]!.computed).toBe(0);
  });
});

describe('decoding', () => {
  test('tokens of a step are limited', () => {
    const made = [0, 1, 2, 3].map((sequence) => decoding(sequence));
    expect(shown(compose(made)).rows).toEqual([0, 1, 2]);
    expect(shown(compose(made.slice(3))).decode).toBe('3@2=9!');
  });

  test('ahead of the host: a token that it does not know is pending, and no more than maxAhead are', () => {
    const one = decoding(0);
    const steps = Array.from({ length: 6 }, () => shown(compose([one])).decode);
    // one is delivered and not taken, three more are pending
    expect(steps).toEqual(['0@2=9!', '0@3=?!', '0@4=?!', '', '', '']);
    one.next();
    expect(shown(compose([one])).decode).toBe('0@5=?!');
    one.deliver([10]);
    expect(one.pending).toBe(3);
    expect(shown(compose([one])).decode).toBe('');
    expect(one.tokens).toEqual([7, 8, 9, 10]);
  });

  test('a prompt that goes on from the cache chooses at once, and decodes from there', () => {
    const one = generation(0, [1, 2, 3], { reused: 2 });
    expect([1, 2, 3].map(() => shown(compose([one])))).toMatchObject([
      { prefill: '0@2=3!' },
      { decode: '0@3=?!' },
      { decode: '0@4=?!' },
    ]);
  });

  test('a host that chooses must know each token', () => {
    const one = generation(0, [1, 2], { temperature: 0.001 });
    const { prefill, rows } = compose([one])!;
    expect(prefill.map(({ sampling }) => sampling)).toEqual([undefined, undefined]);
    expect(rows).toEqual([one]);
    expect(compose([one])).toBeUndefined();
    const logits = new Float32Array(1000);
    logits[5] = 1;
    one.deliver([0], [logits]);
    expect(compose([one])).toBeUndefined(); // nobody has taken it yet
    one.next();
    expect(compose([one])!.decode).toMatchObject([{ id: 5, position: 2, wantsLogits: true, sampling: undefined }]);
  });

  test('the noise counts tokens, whether they are known or not', () => {
    const one = generation(0, [1, 2], { temperature: 1, seed: 4 });
    const counters = [1, 2, 3].map(() => {
      const { prefill, decode } = compose([one])!;
      return [...prefill, ...decode].at(-1)!.sampling!.counter;
    });
    one.deliver([5]);
    one.next();
    expect([...counters, compose([one])!.decode[0]!.sampling!.counter]).toEqual([0, 1, 2, 3]);
  });
});

describe('drafts', () => {
  test('stand behind the last token, and each chooses, with the noise of its own place', () => {
    const [a, b] = [decoding(0, { temperature: 1, seed: 4 }), decoding(1)];
    const step = composeStep([a, b], { ...limits, maxDecode: 8 }, new Map([[a, [20, 21]]]))!;
    expect(shown(step)).toEqual({ prefill: '', decode: '0@2=9! 0@3=20! 0@4=21! 1@2=9!', rows: [0, 0, 0, 1] });
    expect(step.decode.map(({ sampling }) => [sampling!.counter, sampling!.feeds])).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [1, true],
    ]);
    expect([a.pending, a.computed]).toEqual([1, 5]);
  });

  test('those that were chosen stand, with the token behind them; the next step goes on from there', () => {
    const one = decoding(0);
    composeStep([one], { ...limits, maxDecode: 8 }, new Map([[one, [20, 21, 22]]]));
    one.deliver([20, 30, 22, 23]);
    expect(one.tokens).toEqual([7, 8, 9, 20, 30]);
    expect([one.computed, one.pending]).toEqual([4, 0]);
    for (let i = 0; i < 3; i++) one.next();
    expect(shown(compose([one])).decode).toBe('0@4=30!');
  });

  test('of a step that was not submitted are forgotten', () => {
    const one = decoding(0);
    const { parts } = composeStep([one], { ...limits, maxDecode: 8 }, new Map([[one, [20, 21]]]))!;
    one.goBack(parts[0]!);
    expect([one.computed, one.pending]).toEqual([2, 0]);
    expect(shown(compose([one])).decode).toBe('0@2=9!');
    one.deliver([20]);
    expect(one.tokens).toEqual([7, 8, 9, 20]);
  });
});

describe('the end', () => {
  test('never more than maxTokens, chosen and pending together', () => {
    const one = generation(0, [1], { maxTokens: 3 });
    expect([1, 2, 3, 4].map(() => shown(compose([one])).rows)).toEqual([[0], [0], [0], undefined]);
    for (const id of [5, 6, 7]) {
      one.deliver([id]);
      one.next();
    }
    expect(compose([one])).toBeUndefined();
    expect(one.isOver).toBe(false);
  });

  test('the context is full: what is pending comes, then the end', async () => {
    const one = generation(0, [1, 2]);
    const steps = Array.from({ length: 4 }, () => shown(compose([one], { contextLength: 4 })).rows);
    expect(steps).toEqual([[0], [0], [0], undefined]); // the last position chooses one more
    const taken = [one.next()];
    for (const id of [5, 6, 7]) one.deliver([id]);
    taken.push(one.next());
    taken.push(one.next());
    taken.push(one.next());
    expect(await Promise.all(taken)).toMatchObject([{ id: 5 }, { id: 6 }, { id: 7 }, undefined]);
  });

  test('one that waits at the end of the context hears of it with the last token', async () => {
    const one = generation(0, [1, 2]);
    for (let i = 0; i < 3; i++) compose([one], { contextLength: 3 });
    one.deliver([5]);
    await one.next();
    one.deliver([6]);
    await one.next();
    expect(await one.next()).toBeUndefined();
  });

  test('those that have ended, failed or stalled take no part', () => {
    const [ended, failed, stalled] = [decoding(0), decoding(1), decoding(2)];
    ended.isEnded = true;
    failed.fail(new Error('said a test'));
    stalled.isStalled = true;
    expect(compose([ended, failed, stalled])).toBeUndefined();
  });
});

describe("the sampler's state", () => {
  const penalties = { repeatPenalty: 1.5, repeatLastN: 3 };

  test('is written once, before the first token, and counts from there', () => {
    const one = generation(0, [1, 2, 3, 4, 5], { ...penalties });
    const steps = [1, 2, 3].map(() => compose([one])!);
    expect(steps.map(({ parts }) => parts[0]!.writesState)).toEqual([false, true, false]);
    const rows = steps
      .flatMap(({ prefill, decode }) => [...prefill, ...decode])
      .flatMap(({ sampling }) => sampling ?? []);
    expect(rows).toMatchObject([
      { recentLength: 3, recentPlace: 3, adjusts: true },
      { recentLength: 3, recentPlace: 4 },
    ]);
  });

  test('is written again after a restart, with what was chosen since', () => {
    const one = generation(0, [1], { ...penalties });
    compose([one]);
    one.deliver([5]);
    compose([one]);
    one.restart();
    const prompt = compose([one])!;
    expect(prompt.parts[0]!.writesState).toBe(false); // nothing is chosen in this step
    const again = compose([one])!;
    expect(again.parts[0]!.writesState).toBe(true);
    expect(one.sampler.state.recent).toEqual([1, 5]);
    expect(again.decode[0]!.sampling).toMatchObject({ counter: 1, recentPlace: 2 });
  });

  test('is written again where its step could not be submitted', () => {
    const one = generation(0, [1, 2], { ...penalties });
    const { parts } = compose([one])!;
    one.goBack(parts[0]!);
    expect([one.computed, one.pending]).toEqual([0, 0]);
    expect(compose([one])!.parts[0]!.writesState).toBe(true);
  });

  test('nobody penalises: never', () => {
    expect(compose([generation(0, [1, 2])])!.parts[0]!.writesState).toBe(false);
  });
});

test('after a restart: the prompt in chunks, then what is known as decoding, and a row for the last alone', () => {
  const one = generation(0, [1, 2, 3, 4, 5]);
  compose([one]);
  for (const id of [11, 12, 13, 14, 15]) {
    compose([one]);
    one.deliver([id]);
    one.next();
  }
  compose([one]);
  compose([one]);
  one.restart();
  expect([one.pending, one.ahead, one.chosenCount]).toEqual([0, 0, 5]);
  expect([1, 2, 3, 4, 5].map(() => shown(compose([one])))).toEqual([
    { prefill: '0@0=1 0@1=2 0@2=3 0@3=4', decode: '', rows: [] },
    { prefill: '0@4=5', decode: '', rows: [] },
    { prefill: '', decode: '0@5=11 0@6=12 0@7=13', rows: [] },
    { prefill: '', decode: '0@8=14 0@9=15!', rows: [0] },
    { prefill: '', decode: '0@10=?!', rows: [0] },
  ]);
});
