import { expect, test } from 'vitest';
import { Pace } from '../../src/gpu/pace.ts';

const [a, b, c] = Array.from({ length: 3 }, () => ({}) as GPUComputePipeline) as [
  GPUComputePipeline,
  GPUComputePipeline,
  GPUComputePipeline,
];
const of = (pipeline: GPUComputePipeline, workgroups: number) => ({ pipeline, groups: [workgroups, 1, 1] as const });

test('what nobody has seen may take forever; then it takes what its workgroups took', () => {
  const pace = new Pace();
  expect(pace.estimate(of(a, 1))).toBe(Number.POSITIVE_INFINITY);
  pace.learn([of(a, 4)], 20);
  expect(pace.estimate(of(a, 10))).toBe(50);
  pace.learn([of(a, 1), of(a, 1)], 2);
  expect(pace.estimate(of(a, 10))).toBe(10);
});

test('a new one among known ones takes what they do not explain', () => {
  const pace = new Pace();
  pace.learn([of(a, 1)], 10);
  pace.learn([of(a, 2), of(b, 5)], 70);
  expect(pace.estimate(of(b, 1))).toBe(10);
  expect(pace.estimate(of(a, 1))).toBe(10);
  pace.learn([of(a, 2), of(c, 5)], 3);
  expect(pace.estimate(of(c, 1))).toBeCloseTo(0.006);
});

test('several known ones are corrected together, by four at most', () => {
  const pace = new Pace();
  pace.learn([of(a, 1)], 10);
  pace.learn([of(b, 1)], 30);
  pace.learn([of(a, 1), of(b, 1)], 80);
  expect([pace.estimate(of(a, 1)), pace.estimate(of(b, 1))]).toEqual([20, 60]);
  pace.learn([of(a, 1), of(b, 1)], 8000);
  expect([pace.estimate(of(a, 1)), pace.estimate(of(b, 1))]).toEqual([80, 240]);
});
