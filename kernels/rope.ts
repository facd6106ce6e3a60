/**
 * rope: dst[t, head] = the queries of src, each adjacent pair (2i, 2i + 1) turned by the angle of its position.
 *
 *   src        [tokens, SRC_STRIDE], HEADS × HEAD_LENGTH of them from column 0 on      dst   [tokens, DST_STRIDE]
 *   dispatch   x: pairs of all heads, y: tokens
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { expectedRows, f32Tolerance, padded, Random } from './case_data.ts';
import { range, rangeWords } from './parts/range.ts';
import { angleTable, caseAngles, rotate, rotateHead } from './parts/rotate.ts';
import { paddedLength } from './quants/block_type.ts';

export interface Shape {
  readonly heads: number;
  readonly headLength: number;
  /** Pairs of a head that turn; the rest stays. */
  readonly ropePairs: number;
  /** Length of a row of `src`. */
  readonly srcStride: number;
}

export type Variant = Record<never, never>;

const invocations = 64;

/** x [tokens, heads × headLength]. */
export function reference(
  x: Float32Array,
  angles: Float32Array,
  { heads, headLength, ropePairs }: Shape,
): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += headLength) {
    const token = Math.floor(i / (heads * headLength));
    const turn = angles.subarray(token * ropePairs * 2, (token + 1) * ropePairs * 2);
    out.set(rotateHead(x.subarray(i, i + headLength), turn, ropePairs), i);
  }
  return out;
}

function ropeCase(heads: number, headLength: number, ropePairs: number, extraColumns: number): Case<Shape> {
  const length = heads * headLength;
  const shape = { heads, headLength, ropePairs, srcStride: paddedLength(length + extraColumns) };
  return {
    id: `${heads}×${headLength} pairs=${ropePairs} stride=${shape.srcStride}`,
    shape,
    tolerance: f32Tolerance,
    trial() {
      const positions = [0, 1, 163_839];
      const x = new Random(length).normal(positions.length * length);
      const angles = caseAngles(positions, ropePairs);
      return {
        count: positions.length,
        inputs: {
          src: padded(x, length, shape.srcStride, 9),
          angles: angleTable(angles, ropePairs, [0, 0, 0]),
          range: rangeWords(0, positions.length),
        },
        outputs: { dst: { expected: expectedRows(reference(x, angles, shape), length), elements: 'f32' } },
      };
    },
  };
}

export const rope: Kernel<Shape, Variant> = {
  name: 'rope',

  variants: () => [{}],

  wgsl: () => wgsl`
override PAIRS: u32; // of all heads
override HEAD_PAIRS: u32;
override ROPE_PAIRS: u32;
override SRC_STRIDE: u32;
override DST_STRIDE: u32;
${range}
${rotate}
var<storage, read> src: array<vec2<f32>>;
var<storage, read_write> dst: array<vec2<f32>>;

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= PAIRS) { return; }
  let token = range.start + id.y;
  dst[token * (DST_STRIDE / 2u) + id.x] = rotated(src[token * (SRC_STRIDE / 2u) + id.x], token, id.x % HEAD_PAIRS);
}
`,

  overrides: ({ heads, headLength, ropePairs, srcStride }) => ({
    PAIRS: (heads * headLength) / 2,
    HEAD_PAIRS: headLength / 2,
    ROPE_PAIRS: ropePairs,
    SRC_STRIDE: srcStride,
    DST_STRIDE: paddedLength(heads * headLength),
  }),

  workgroups: ({ heads, headLength }, _, count) => [Math.ceil((heads * headLength) / 2 / invocations), count, 1],
};

export const ropeChecks = (): Checks<Shape> => ({
  cost: ({ heads, headLength }, count) => ({
    bytes: count * heads * headLength * 12,
    flops: count * heads * headLength * 3,
  }),

  cases: [ropeCase(8, 8, 4, 64), ropeCase(3, 64, 32, 0), ropeCase(2, 20, 6, 8)],

  benches: [ropeCase(64, 128, 64, 2048)],
});
