/**
 * add, in place: dst[t, i] += src[t, i], or src[i] where one row is added to all (a bias).
 *
 *   dst        [tokens, DST_STRIDE], from column DST_OFFSET on      src   [tokens or 1, LENGTH]
 *   dispatch   x: columns, y: tokens
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';

export interface Shape {
  readonly length: number;
  readonly dstStride: number;
  readonly dstOffset: number;
  /** Length of a row of `src`; 0 adds the same row to every token. */
  readonly srcStride: number;
}

export type Variant = Record<never, never>;

const invocations = 64;

/** dst as it was, [tokens, dstStride], and src, from token `start` on. */
export function reference(dst: ArrayLike<number>, src: ArrayLike<number>, shape: Shape, start: number): Float64Array {
  const { length, dstStride, dstOffset, srcStride } = shape;
  return Float64Array.from(dst, (value, i) => {
    const token = Math.floor(i / dstStride);
    const column = (i % dstStride) - dstOffset;
    if (token < start || column < 0 || column >= length) return value;
    return value + (src[token * srcStride + column] as number);
  });
}

function addCase(shape: Shape, tokens: number): Case<Shape> {
  return {
    id: `${shape.length} in ${shape.dstStride} at ${shape.dstOffset}${shape.srcStride ? '' : ' broadcast'} n=${tokens}`,
    shape,
    tolerance: f32Tolerance,
    trial() {
      const random = new Random(shape.length + tokens);
      const initial = random.normal((tokens + 1) * shape.dstStride);
      const src = random.normal(shape.srcStride ? (tokens + 1) * shape.srcStride : shape.length);
      return {
        count: tokens,
        inputs: { src, range: rangeWords(1, tokens) },
        outputs: { dst: { initial, expected: reference(initial, src, shape, 1), elements: 'f32' } },
      };
    },
  };
}

export const add: Kernel<Shape, Variant> = {
  name: 'add',

  variants: () => [{}],

  wgsl: () => wgsl`
override LENGTH: u32;
override DST_STRIDE: u32;
override DST_OFFSET: u32;
override SRC_STRIDE: u32;
${range}
var<storage, read> src: array<f32>;
var<storage, read_write> dst: array<f32>;

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= LENGTH) { return; }
  let token = range.start + id.y;
  dst[token * DST_STRIDE + DST_OFFSET + id.x] += src[token * SRC_STRIDE + id.x];
}
`,

  overrides: ({ length, dstStride, dstOffset, srcStride }) => ({
    LENGTH: length,
    DST_STRIDE: dstStride,
    DST_OFFSET: dstOffset,
    SRC_STRIDE: srcStride,
  }),

  workgroups: ({ length }, _, count) => [Math.ceil(length / invocations), count, 1],
};

export const addChecks = (): Checks<Shape> => ({
  cost: ({ length }, count) => ({ bytes: count * length * 12, flops: count * length }),

  cases: [
    addCase({ length: 100, dstStride: 128, dstOffset: 0, srcStride: 128 }, 3),
    addCase({ length: 33, dstStride: 192, dstOffset: 65, srcStride: 0 }, 2),
  ],

  benches: [addCase({ length: 8192, dstStride: 8192, dstOffset: 0, srcStride: 8192 }, 8)],
});
