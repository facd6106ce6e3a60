import { unroll } from '../../../kernels/parts/values.ts';
import type { ArithmeticShape } from './roofline.ts';

/** Values of each side that an invocation holds: all pairs are multiplied in a step. */
export interface OuterVariant {
  readonly side: 4 | 8;
}

/** The type of the two sides and of the sums, and the WGSL that adds a product to a sum. */
interface Arithmetic {
  readonly type: string;
  readonly sum: string;
  add(a: string, b: string, sum: string): string;
}

/**
 * What a tiled matmul does between its loads, and nothing else: `side` × `side` products of values in registers, step
 * after step. One side changes in every step, so that no compiler can take anything out of the loop.
 */
export function outerProducts({ type, sum, add }: Arithmetic, { side }: OuterVariant): string {
  const pairs = (line: (i: number, j: number) => string) => unroll(side, (i) => unroll(side, (j) => line(i, j)));
  return `
override STEPS: u32;
var<storage, read> src: array<${type}>;
var<storage, read_write> dst: array<${sum}>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let invocation = id.y * groups.x * 64u + id.x;
  ${unroll(side, (i) => `let a${i} = src[(invocation + ${i}u) % 64u];`)}
  ${unroll(side, (j) => `var b${j} = src[(invocation + ${j + side}u) % 64u];`)}
  ${pairs((i, j) => `var c${i}_${j} = ${sum}();`)}
  for (var step = 0u; step < STEPS; step++) {
    ${pairs((i, j) => `c${i}_${j} = ${add(`a${i}`, `b${j}`, `c${i}_${j}`)};`)}
    ${unroll(side, (j) => `b${j} += a${j};`)}
  }
  var total = ${sum}();
  ${pairs((i, j) => `total += c${i}_${j};`)}
  dst[invocation] = total;
}
`;
}

export const outerBuffers = ({ invocations }: ArithmeticShape) => ({ src: 64 * 16, dst: invocations * 4 });

/** Products of one dispatch. */
export const outerCount = ({ invocations, steps }: ArithmeticShape, { side }: OuterVariant) =>
  invocations * steps * side * side;
