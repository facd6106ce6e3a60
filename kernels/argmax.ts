/**
 * argmax: ids[t] = the index of the largest of logits[t], the lowest one where several are equal.
 *
 *   logits     [tokens, STRIDE], LENGTH of them      ids   [tokens]
 *   dispatch   x: a workgroup per token
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { padded, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';

export interface Shape {
  readonly length: number;
  readonly stride: number;
}

export type Variant = Record<never, never>;

const invocations = 256;

/** logits [tokens, length]. */
export function reference(logits: ArrayLike<number>, length: number): number[] {
  return Array.from({ length: logits.length / length }, (_, token) => {
    let best = 0;
    for (let i = 1; i < length; i++) {
      if ((logits[token * length + i] as number) > (logits[token * length + best] as number)) best = i;
    }
    return best;
  });
}

function argmaxCase(length: number, tokens: number, ties: boolean): Case<Shape> {
  const stride = length + 3;
  return {
    id: `${length} n=${tokens}${ties ? ' ties' : ''}`,
    shape: { length, stride },
    trial() {
      const random = new Random(length + tokens);
      const logits = random.normal(tokens * length).map((value) => (ties ? Math.round(value) : value - 20));
      return {
        count: tokens,
        inputs: { logits: padded(logits, length, stride, 100), range: rangeWords(0, tokens) },
        outputs: { ids: { expected: reference(logits, length), elements: 'u32' } },
      };
    },
  };
}

export const argmax: Kernel<Shape, Variant> = {
  name: 'argmax',

  variants: () => [{}],

  wgsl: () => wgsl`
override LENGTH: u32;
override STRIDE: u32;
${range}
var<storage, read> logits: array<f32>;
var<storage, read_write> ids: array<u32>;

struct Best {
  value: f32,
  index: u32,
}
var<workgroup> best: array<Best, ${invocations}>;

fn better(a: Best, b: Best) -> Best {
  let takes_b = b.value > a.value || (b.value == a.value && b.index < a.index);
  return Best(select(a.value, b.value, takes_b), select(a.index, b.index, takes_b));
}

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let token = range.start + group.x;
  let start = token * STRIDE;
  var own = Best(logits[start], 0u);
  for (var i = lane; i < not_constant(LENGTH); i += ${invocations}u) {
    own = better(own, Best(logits[start + i], i));
  }
  best[lane] = own;
  for (var half = ${invocations / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { best[lane] = better(best[lane], best[lane + half]); }
  }
  if (lane == 0u) { ids[token] = best[0].index; }
}
`,

  overrides: ({ length, stride }) => ({ LENGTH: length, STRIDE: stride }),

  workgroups: (_shape, _variant, count) => [count, 1, 1],
};

export const argmaxChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 4, flops: 0 }),

  cases: [argmaxCase(7, 2, false), argmaxCase(512, 3, true), argmaxCase(32001, 2, false)],

  benches: [argmaxCase(256_000, 1, false)],
});
