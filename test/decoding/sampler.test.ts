/** The chain as a whole: its order, its distribution, its options. */
import { describe, expect, test } from 'vitest';
import { softmax } from '../../src/decoding/candidates.ts';
import { RecentTokens } from '../../src/decoding/recent_tokens.ts';
import { Sampler } from '../../src/decoding/sampler.ts';
import type { SamplingOptions } from '../../src/decoding/sampling_options.ts';

const logits = Float32Array.from({ length: 40 }, (_, i) => 3 * Math.sin(i * 1.7) + 0.02 * i);

/** Probabilities that the sampler draws from, [logits.length]. */
function distribution(sampler: Sampler, row: Float32Array): Float64Array {
  const { ids, logits } = sampler.candidates(row);
  const { weights, sum } = softmax(logits);
  const probabilities = new Float64Array(row.length);
  ids.forEach((id, i) => {
    probabilities[id] = weights[i]! / sum;
  });
  return probabilities;
}

/** The chain once more, by sorting and plain arrays. */
function expected(row: Float32Array, recent: readonly number[], o: Required<SamplingOptions>): number[] {
  const biases = o.logitBias as Record<number, number>;
  let left = [...row].map((logit, id) => {
    const biased = logit + (biases[id] ?? 0);
    const count = recent.filter((token) => token === id).length;
    if (count === 0) return { id, logit: biased };
    const repeated = biased > 0 ? biased / o.repeatPenalty : biased * o.repeatPenalty;
    return { id, logit: repeated - count * o.frequencyPenalty - o.presencePenalty };
  });
  const withP = (t = 1) => {
    const sum = left.reduce((s, { logit }) => s + Math.exp(logit / t), 0);
    return left.map((each) => ({ ...each, p: Math.exp(each.logit / t) / sum }));
  };
  const nucleus = (sorted: { id: number; logit: number; p: number }[], p: number) => {
    let sum = 0;
    return sorted.filter((each) => (sum += each.p) - each.p < p);
  };
  left = withP()
    .sort((a, b) => b.p - a.p)
    .slice(0, o.topK);
  const entropy = withP().reduce((sum, { p }) => sum - p * Math.log(p), 0);
  const distance = (p: number) => Math.abs(-Math.log(p) - entropy);
  left = nucleus(
    withP().sort((a, b) => distance(a.p) - distance(b.p)),
    o.typicalP,
  );
  left = nucleus(
    withP().sort((a, b) => b.p - a.p),
    o.topP,
  );
  const best = Math.max(...withP().map(({ p }) => p));
  left = withP().filter(({ p }) => p >= o.minP * best);
  const final = new Map(withP(o.temperature).map(({ id, p }) => [id, p]));
  return [...row].map((_, id) => final.get(id) ?? 0);
}

describe('the whole chain', () => {
  const options = {
    temperature: 0.8,
    topK: 20,
    topP: 0.95,
    minP: 0.08,
    typicalP: 0.9,
    repeatPenalty: 1.3,
    repeatLastN: 4,
    frequencyPenalty: 0.2,
    presencePenalty: -0.3,
    logitBias: { 3: 4, 12: -100 },
    seed: 42,
  };
  const sampler = () => {
    const made = new Sampler(options, logits.length);
    for (const token of [12, 12, 5, 16, 16, 16]) made.accept(token);
    return made;
  };
  const wanted = expected(logits, [5, 16, 16, 16], options);

  test('is what sorting and plain arrays give', () => {
    const got = distribution(sampler(), logits);
    expect(wanted.filter((p) => p > 0).length).toBeGreaterThan(5);
    got.forEach((p, id) => {
      expect(p).toBeCloseTo(wanted[id]!, 12);
    });
  });

  test('20,000 draws follow it: chi-squared', () => {
    const drawing = sampler();
    const draws = 20_000;
    const counts = new Float64Array(logits.length);
    for (let i = 0; i < draws; i++) counts[drawing.sample(logits)]!++;
    let chiSquared = 0;
    wanted.forEach((p, id) => {
      if (p === 0) expect(counts[id]).toBe(0);
      else chiSquared += (counts[id]! - draws * p) ** 2 / (draws * p);
    });
    const degrees = wanted.filter((p) => p > 0).length - 1;
    expect(chiSquared).toBeLessThan(degrees + 3.5 * Math.sqrt(2 * degrees)); // the seed is fixed: always the same number
  });

  test('a seed repeats itself, another draws otherwise, and none is random', () => {
    const draws = (o: SamplingOptions) => {
      const drawing = new Sampler({ temperature: 1, ...o }, logits.length);
      return Array.from({ length: 30 }, () => drawing.sample(logits));
    };
    expect(draws({ seed: 7 })).toEqual(draws({ seed: 7 }));
    expect(draws({ seed: 7 })).not.toEqual(draws({ seed: 8 }));
    expect(draws({})).not.toEqual(draws({}));
  });
});

describe('greedy', () => {
  test('takes the lowest id of the highest logit, whatever filters remain', () => {
    const row = Float32Array.of(1, 9, 9, -Infinity);
    for (const o of [{}, { topK: 1 }, { topP: 0.1 }, { minP: 1 }, { logitBias: { 3: 100 } }]) {
      expect(new Sampler({ temperature: 0, ...o }, 4).sample(row)).toBe(1);
    }
  });

  test('penalties and biases count', () => {
    const row = Float32Array.of(1, 9, 8);
    expect(new Sampler({ temperature: 0, logitBias: new Map([[0, 50]]) }, 3).sample(row)).toBe(0);
    const sampler = new Sampler({ temperature: 0, presencePenalty: 1.5 }, 3);
    sampler.accept(1);
    expect(sampler.sample(row)).toBe(2);
  });

  test.each([
    [{}, true, false],
    [{ temperature: 0, topK: 5, topP: 0.5, minP: 0.5 }, true, false],
    [{ temperature: 0, typicalP: 0.9 }, true, true],
    [{ temperature: 0.5, minP: 0.5 }, true, true],
    [{ temperature: 0.009 }, false, false],
    [{ repeatPenalty: 1.1, repeatLastN: 4097 }, false, false],
    [{ repeatPenalty: 1.1, repeatLastN: -1 }, true, false],
  ])('%j: the GPU can choose: %s, and filters: %s', (o, runsOnGpu, filters) => {
    const sampler = new Sampler(o, 4);
    expect(sampler.runsOnGpu).toBe(runsOnGpu);
    expect(sampler.row(0, 0, 0, 0).filters).toBe(filters);
  });

  test.each([
    [{}, false],
    [{ repeatPenalty: 1.1, repeatLastN: 0 }, false],
    [{ repeatPenalty: 1.1 }, true],
    [{ frequencyPenalty: 0.1 }, true],
    [{ presencePenalty: 0.1 }, true],
    [{ logitBias: {} }, false],
    [{ logitBias: { 1: 1 } }, true],
  ])('%j: the GPU must know a state: %s', (o, hasState) => {
    const sampler = new Sampler(o, 4);
    sampler.accept(2);
    expect(sampler.hasState).toBe(hasState);
    expect(sampler.row(3, 0, 0, 0)).toMatchObject({ sequence: 3, adjusts: hasState });
  });

  test('what the GPU counts goes on from what it was told', () => {
    const sampler = new Sampler({ presencePenalty: 1, repeatLastN: 3 }, 9);
    for (const token of [5, 6, 7, 7]) sampler.accept(token);
    expect(sampler.state).toMatchObject({
      counts: new Map([
        [6, 1],
        [7, 2],
      ]),
      recent: [6, 7, 7],
    });
    expect(sampler.row(0, 12, 10, 3)).toMatchObject({ counter: 12, recentLength: 3, recentPlace: 5 });
  });
});

describe('options', () => {
  test.each([
    [{ temperature: -0.1 }, 'temperature takes a number from 0 on, not -0.1'],
    [{ temperature: Number.NaN }, 'temperature takes a number from 0 on, not NaN'],
    [{ temperature: Number.POSITIVE_INFINITY }, 'temperature takes a number from 0 on, not Infinity'],
    [{ topK: 1.5 }, 'topK takes a whole number from 0 on, not 1.5'],
    [{ topP: 1.01 }, 'topP takes a number from 0 to 1, not 1.01'],
    [{ minP: -1 }, 'minP takes a number from 0 to 1, not -1'],
    [{ typicalP: 2 }, 'typicalP takes a number from 0 to 1, not 2'],
    [{ repeatPenalty: 0 }, 'repeatPenalty takes a number above 0, not 0'],
    [{ repeatLastN: -2 }, 'repeatLastN takes a whole number from -1 on, not -2'],
    [{ frequencyPenalty: 2.1 }, 'frequencyPenalty takes a number from -2 to 2, not 2.1'],
    [{ presencePenalty: -2.1 }, 'presencePenalty takes a number from -2 to 2, not -2.1'],
    [{ seed: 2 ** 32 }, 'seed takes a whole number from 0 to 4294967295, not 4294967296'],
    [{ logitBias: { 1: 101 } }, 'logitBias of token 1 takes a number from -100 to 100, not 101'],
    [{ logitBias: { 4: 1 } }, 'logitBias’s token takes a whole number from 0 to 3, not 4'],
    [{ logitBias: { x: 1 } as Record<number, number> }, 'logitBias’s token takes a whole number from 0 to 3, not NaN'],
  ])('%j is refused', (o: SamplingOptions, message) => {
    expect(() => new Sampler(o, 4)).toThrow(new RangeError(message));
  });

  test('undefined, as JavaScript passes it, is the default', () => {
    const options = { temperature: 0, topK: undefined, topP: undefined } as unknown as SamplingOptions;
    expect(new Sampler(options, 4).row(0, 0, 0, 0)).toMatchObject({ temperature: 0, topK: 0, topP: 1 });
  });

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY]])('logits that hold %f are refused', (wrong) => {
    expect(() => new Sampler({}, 3).sample(Float32Array.of(1, wrong, 2))).toThrow(/the logits are no numbers/);
  });
});

test('recent tokens: the last n, none, or all', () => {
  const counts = (length: number) => {
    const recent = new RecentTokens(length);
    for (const token of [1, 2, 2, 3, 2]) recent.push(token);
    return Object.fromEntries(recent.counts);
  };
  expect(counts(3)).toEqual({ 2: 2, 3: 1 });
  expect(counts(0)).toEqual({});
  expect(counts(-1)).toEqual({ 1: 1, 2: 3, 3: 1 });
});
