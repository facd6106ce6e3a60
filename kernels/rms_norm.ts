/**
 * rms_norm: dst[t, i] = x[t, i] / sqrt(mean_j x[t, j]² + EPS) · weight[i].
 *
 *   x, dst     [tokens, STRIDE], padding zero      weight   [STRIDE], padding zero
 *   dispatch   x: a workgroup per token
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, padded, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';
import { workgroupSum, workgroupSumOrder } from './parts/reduce.ts';
import { paddedLength } from './quants/block_type.ts';

export interface Shape {
  readonly length: number;
  readonly eps: number;
}

export interface Variant {
  readonly subgroups: boolean;
}

const invocations = 64;

/** x [tokens, length], weight [length]. */
export function reference(x: ArrayLike<number>, weight: ArrayLike<number>, { length, eps }: Shape): Float64Array {
  return Float64Array.from({ length: x.length }, (_, i) => {
    const start = i - (i % length);
    let squares = 0;
    for (let j = start; j < start + length; j++) squares += (x[j] as number) ** 2;
    return ((x[i] as number) / Math.sqrt(squares / length + eps)) * (weight[i % length] as number);
  });
}

function rmsNormCase(length: number, tokens: number, eps: number, scale = 1): Case<Shape> {
  const shape = { length, eps };
  return {
    id: `${length} n=${tokens} eps=${eps} scale=${scale}`,
    shape,
    tolerance: f32Tolerance,
    trial() {
      const random = new Random(length + tokens);
      const x = random.normal((tokens + 1) * length).map((value) => value * scale);
      const weight = random.normal(length);
      const expected = new Float64Array((tokens + 1) * paddedLength(length)).fill(Number.NaN);
      expected.set(padded(reference(x.subarray(length), weight, shape), length), paddedLength(length));
      return {
        count: tokens,
        inputs: { x: padded(x, length), weight: padded(weight, length), range: rangeWords(1, tokens) },
        outputs: { dst: { expected, elements: 'f32' } },
      };
    },
  };
}

export const rms_norm: Kernel<Shape, Variant> = {
  name: 'rms_norm',

  variants: (_, features) =>
    features.subgroups ? [{ subgroups: true }, { subgroups: false }] : [{ subgroups: false }],

  order: workgroupSumOrder,

  wgsl: (_, { subgroups }) => wgsl`
${workgroupSum(invocations, subgroups)}
override LENGTH: u32;
override STRIDE: u32;
override EPS: f32;
${range}
var<storage, read> x: array<vec4<f32>>;
var<storage, read> weight: array<vec4<f32>>;
var<storage, read_write> dst: array<vec4<f32>>;

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
#if ${subgroups}
  @builtin(subgroup_size) subgroup_size: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
#endif
) {
  let fours = STRIDE / 4u;
  let start = (range.start + group.x) * fours;
  var squares = vec4<f32>();
  for (var i = lane; i < fours; i += ${invocations}u) {
    let v = x[start + i];
    squares = fma(v, v, squares);
  }
  let own = (squares.x + squares.y) + (squares.z + squares.w);
#if ${subgroups}
  let sum = workgroup_sum(own, lane, subgroup_size, subgroup_lane);
#else
  let sum = workgroup_sum(own, lane);
#endif
  let scale = inverseSqrt(sum / f32(LENGTH) + EPS);
  for (var i = lane; i < fours; i += ${invocations}u) {
    dst[start + i] = x[start + i] * scale * weight[i];
  }
}
`,

  overrides: ({ length, eps }) => ({ LENGTH: length, STRIDE: paddedLength(length), EPS: eps }),

  workgroups: (_shape, _variant, count) => [count, 1, 1],
};

export const rmsNormChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 12, flops: count * length * 4 }),

  cases: [
    rmsNormCase(64, 1, 1e-5),
    rmsNormCase(100, 3, 1e-6),
    rmsNormCase(2048, 2, 1e-5),
    rmsNormCase(512, 2, 1e-2, 0.01), // eps outweighs the mean
  ],

  benches: [rmsNormCase(8192, 1, 1e-5), rmsNormCase(512, 128, 1e-5)],
});
