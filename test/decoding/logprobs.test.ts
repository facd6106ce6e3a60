import { expect, test } from 'vitest';
import { logprobsOf } from '../../src/decoding/logprobs.ts';

const logits = Float32Array.from([0.25, 0.125, 0.5, 0.125].map((p) => Math.log(p) + 3));

test('natural logarithms over the whole vocabulary, best first, of equals the lowest id', () => {
  const { logprob, best } = logprobsOf(logits, 3, 3);
  expect(logprob).toBeCloseTo(Math.log(0.125), 6);
  expect(best.map(({ id }) => id)).toEqual([2, 0, 1]);
  best.forEach((token, i) => {
    expect(token.logprob).toBeCloseTo(Math.log([0.5, 0.25, 0.125][i]!), 6);
  });
});

test('no alternatives, more than there are, and one token alone', () => {
  expect(logprobsOf(logits, 0, 0).best).toEqual([]);
  expect(logprobsOf(logits, 0, 9).best).toHaveLength(4);
  expect(logprobsOf(Float32Array.of(-1e30), 0, 1)).toEqual({ logprob: 0, best: [{ id: 0, logprob: 0 }] });
});
