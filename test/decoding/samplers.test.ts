/** Each sampler by itself, against distributions computed by hand. */
import { describe, expect, test } from 'vitest';
import { allIds, type Candidates, softmax } from '../../src/decoding/candidates.ts';
import { draw, logitBias, minP, penalties, temperature, topK, topP, typicalP } from '../../src/decoding/samplers.ts';

/** Candidates 0, 1, 2, … of these probabilities. */
const ofProbabilities = (...p: number[]): Candidates => ofLogits(...p.map(Math.log));
const ofLogits = (...logits: number[]): Candidates => ({
  ids: allIds(logits.length),
  logits: Float64Array.from(logits),
});
const idsOf = ({ ids }: Candidates) => [...ids];
const equal = (count: number) => ofLogits(...new Array<number>(count).fill(1.5));
const one = ofLogits(-3);

describe('topK', () => {
  test.each([
    [1, [2]],
    [2, [0, 2]],
    [3, [0, 2, 3]],
    [5, [0, 1, 2, 3, 4]],
    [9, [0, 1, 2, 3, 4]],
    [0, [0, 1, 2, 3, 4]],
  ])('%i of five', (k, ids) => expect(idsOf(topK(ofLogits(3, -1, 4, 1, -5), k))).toEqual(ids));

  test('of equals the lowest ids; one candidate', () => {
    expect(idsOf(topK(equal(5), 2))).toEqual([0, 1]);
    expect(idsOf(topK(ofLogits(1, 2, 1, 2, 1), 3))).toEqual([0, 1, 3]);
    expect(idsOf(topK(one, 1))).toEqual([0]);
  });

  test('tokens that are ruled out come last', () => {
    const ruledOut = Number.NEGATIVE_INFINITY;
    expect(idsOf(topK(ofLogits(ruledOut, 1, ruledOut, -2000), 2))).toEqual([1, 3]);
    expect(idsOf(topK(ofLogits(ruledOut, 1, ruledOut), 2))).toEqual([0, 1]);
  });

  test('is what sorting gives, on random logits with ties and far ends', () => {
    for (let length = 1; length < 400; length += 7) {
      const logits = Array.from({ length }, (_, i) => Math.round(Math.sin(i * i) * 20) * (i % 50 === 7 ? 1e6 : 1));
      const sorted = [...allIds(length)].sort((a, b) => logits[b]! - logits[a]!);
      for (const k of [1, 2, length >> 1, length - 1].filter((k) => k > 0)) {
        expect(idsOf(topK(ofLogits(...logits), k))).toEqual(sorted.slice(0, k).sort((a, b) => a - b));
      }
    }
  });
});

describe('topP', () => {
  const candidates = ofProbabilities(0.1, 0.5, 0.15, 0.25);
  test.each([
    [0, [1]],
    [0.49, [1]],
    [0.51, [1, 3]],
    [0.74, [1, 3]],
    [0.76, [1, 2, 3]],
    [0.91, [0, 1, 2, 3]],
    [1, [0, 1, 2, 3]],
  ])('%f', (p, ids) => expect(idsOf(topP(candidates, p))).toEqual(ids));

  test('of equals the lowest ids; one candidate; logits are as they were', () => {
    expect(idsOf(topP(equal(10), 0.35))).toEqual([0, 1, 2, 3]);
    expect(idsOf(topP(one, 0.5))).toEqual([0]);
    expect([...topP(candidates, 0.7).logits]).toEqual([Math.log(0.5), Math.log(0.25)]);
  });
});

describe('minP', () => {
  const candidates = ofProbabilities(0.1, 0.5, 0.15, 0.25);
  test.each([
    [0, [0, 1, 2, 3]],
    [0.19, [0, 1, 2, 3]],
    [0.21, [1, 2, 3]],
    [0.49, [1, 3]],
    [0.51, [1]],
    [1, [1]],
  ])('%f', (p, ids) => expect(idsOf(minP(candidates, p))).toEqual(ids));

  test('equals all stay, even at 1; one candidate', () => {
    expect(idsOf(minP(equal(4), 1))).toEqual([0, 1, 2, 3]);
    expect(idsOf(minP(one, 1))).toEqual([0]);
  });
});

describe('typicalP', () => {
  // Entropy 1.2799; |−ln p − entropy| is 0.587 (p = 0.5), 0.024 (0.27), 0.617 (0.15), 1.246 (0.08).
  const candidates = ofProbabilities(0.5, 0.27, 0.15, 0.08);
  test.each([
    [0, [1]],
    [0.26, [1]],
    [0.28, [0, 1]],
    [0.76, [0, 1]],
    [0.78, [0, 1, 2]],
    [0.93, [0, 1, 2, 3]],
    [1, [0, 1, 2, 3]],
  ])('%f', (p, ids) => expect(idsOf(typicalP(candidates, p))).toEqual(ids));

  test('of equals the lowest ids; one candidate; what is ruled out comes last', () => {
    expect(idsOf(typicalP(equal(10), 0.35))).toEqual([0, 1, 2, 3]);
    expect(idsOf(typicalP(one, 0.5))).toEqual([0]);
    expect(idsOf(typicalP(ofLogits(Number.NEGATIVE_INFINITY, 0, 0), 0.99))).toEqual([1, 2]);
  });
});

describe('penalties and biases', () => {
  const counts = new Map([
    [0, 1],
    [1, 3],
    [7, 2],
  ]);
  const logits = (candidates: Candidates) => [...candidates.logits];
  const none = { repeatPenalty: 1, frequencyPenalty: 0, presencePenalty: 0 };

  test('repeat divides what is above 0 and multiplies what is below', () => {
    expect(logits(penalties(ofLogits(3, -4, 5), counts, { ...none, repeatPenalty: 2 }))).toEqual([1.5, -8, 5]);
    expect(logits(penalties(ofLogits(0, 0, 5), counts, { ...none, repeatPenalty: 2 }))).toEqual([0, 0, 5]);
  });

  test('frequency counts, presence does not; repeat goes first', () => {
    expect(logits(penalties(ofLogits(3, -4, 5), counts, { ...none, frequencyPenalty: 0.5 }))).toEqual([2.5, -5.5, 5]);
    expect(logits(penalties(ofLogits(3, -4, 5), counts, { ...none, presencePenalty: -1 }))).toEqual([4, -3, 5]);
    const all = { repeatPenalty: 2, frequencyPenalty: 0.5, presencePenalty: 1 };
    expect(logits(penalties(ofLogits(3, -4, 5), counts, all))).toEqual([0, -10.5, 5]);
  });

  test('tokens are found by id among those that remain, and the given logits stay', () => {
    const candidates = { ids: Uint32Array.of(1, 7, 9), logits: Float64Array.of(1, 2, 3) };
    expect(
      logits(
        logitBias(
          candidates,
          new Map([
            [7, -100],
            [8, 5],
            [9, 0.5],
          ]),
        ),
      ),
    ).toEqual([1, -98, 3.5]);
    expect(logits(candidates)).toEqual([1, 2, 3]);
    expect(logitBias(candidates, new Map())).toEqual(candidates);
  });
});

describe('temperature', () => {
  const probabilities = (candidates: Candidates) => {
    const { weights, sum } = softmax(candidates.logits);
    return [...weights].map((weight) => weight / sum);
  };

  test('p^(1/t), normalised', () => {
    const candidates = ofProbabilities(0.6, 0.3, 0.1);
    const close = (t: number, expected: number[]) =>
      probabilities(temperature(candidates, t)).forEach((p, i) => {
        expect(p).toBeCloseTo(expected[i]!, 14);
      });
    close(1, [0.6, 0.3, 0.1]);
    close(0.5, [36 / 46, 9 / 46, 1 / 46]);
    close(1e17, [1 / 3, 1 / 3, 1 / 3]);
  });

  test('0 is the most likely, of equals the lowest id; the least temperature does not overflow', () => {
    expect(temperature(ofLogits(1, 5, 5), 0)).toEqual({ ids: Uint32Array.of(1), logits: Float64Array.of(5) });
    expect(probabilities(temperature(ofLogits(1e30, -1e30), Number.MIN_VALUE))).toEqual([1, 0]);
    expect(probabilities(temperature(equal(4), 0.01))).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});

test('draw: a token comes as often as its probability says, and the same seed and place give the same', () => {
  const candidates = {
    ids: Uint32Array.of(3, 5, 8),
    logits: Float64Array.of(Math.log(0.25), -Infinity, Math.log(0.75)),
  };
  const drawn = Array.from({ length: 20_000 }, (_, counter) => draw(candidates, 7, counter));
  expect(drawn.filter((id) => id === 8).length / drawn.length).toBeCloseTo(0.75, 2);
  expect(drawn).not.toContain(5);
  expect(drawn.slice(0, 50)).toEqual(drawn.slice(0, 50).map((_, counter) => draw(candidates, 7, counter)));
  expect(drawn.slice(0, 50)).not.toEqual(drawn.slice(0, 50).map((_, counter) => draw(candidates, 8, counter)));
  expect(draw(one, 1, 2)).toBe(0);
});
