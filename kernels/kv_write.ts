/**
 * kv_write: puts the keys, turned by RoPE, and the values of new tokens into their pages.
 *
 *   src          [tokens, SRC_STRIDE]: keys from column KEY_OFFSET on, values from VAL_OFFSET, kv heads × HEAD_LENGTH each
 *   keys, vals   pages of one group of kv heads, [page][HEADS][PAGE_LENGTH][HEAD_LENGTH]
 *   dispatch     x: pairs of the group's heads, y: tokens, z: keys, values
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel } from '../src/gpu/kernel.ts';
import { f32Tolerance, Random } from './case_data.ts';
import { type KvType, kvBytes, kvPairs, pageLength } from './parts/kv.ts';
import { range, rangeWords, tokenTable } from './parts/range.ts';
import { caseAngles, rotate, rotateHead } from './parts/rotate.ts';
import { paddedLength } from './quants/block_type.ts';
import { f16ToF32, f32ToF16 } from './quants/dequantize.ts';

export interface Shape {
  readonly kvType: KvType;
  /** Kv heads of this group, and the first of them. */
  readonly heads: number;
  readonly headStart: number;
  readonly headLength: number;
  readonly ropePairs: number;
  readonly srcStride: number;
  /** Columns of `src` where the keys and the values of kv head 0 begin; even. */
  readonly keyOffset: number;
  readonly valOffset: number;
}

export type Variant = Record<never, never>;

const invocations = 64;

/** Pages as they stand after the write: keys (turned) or values of `src`, token t at slots[t]. */
export function reference(
  pages: Float64Array,
  src: Float32Array,
  slots: readonly number[],
  shape: Shape,
  offset: number,
  angles?: Float32Array,
): Float64Array {
  const { heads, headStart, headLength, ropePairs, srcStride } = shape;
  slots.forEach((slot, t) => {
    for (let head = 0; head < heads; head++) {
      const from = t * srcStride + offset + (headStart + head) * headLength;
      const values = src.subarray(from, from + headLength);
      const turn = angles?.subarray(t * ropePairs * 2, (t + 1) * ropePairs * 2);
      const page = Math.floor(slot / pageLength);
      const row = (page * heads + head) * pageLength + (slot % pageLength);
      pages.set(turn ? rotateHead(values, turn, ropePairs) : values, row * headLength);
    }
  });
  return pages;
}

function kvWriteCase(
  kvType: KvType,
  kvHeads: number,
  headStart: number,
  headLength: number,
  ropePairs: number,
): Case<Shape> {
  const heads = kvHeads - headStart;
  const keyOffset = 2 * kvHeads * headLength;
  const valOffset = keyOffset + kvHeads * headLength;
  const srcStride = paddedLength(valOffset + kvHeads * headLength);
  const shape = { kvType, heads, headStart, headLength, ropePairs, srcStride, keyOffset, valOffset };
  return {
    id: `${kvType} ${heads}×${headLength} headStart=${headStart} pairs=${ropePairs}`,
    shape,
    tolerance: kvType === 'f16' ? { nmse: 1e-6, max: 2e-3 } : f32Tolerance, // f16 keeps 11 bits: 2^-12 of the value
    trial() {
      const slots = [0, pageLength - 1, pageLength, 2 * pageLength + 77];
      const positions = [0, 255, 1000, 163_839];
      const src = new Random(headLength).normal(slots.length * srcStride);
      const angles = caseAngles(positions, ropePairs);
      const length = 3 * pageLength * heads * headLength;
      const table = slots.flatMap((slot, t) => [positions[t] as number, 0, slot, 0, 0]);
      const initial = new Uint8Array(length * kvBytes[kvType]);
      const keys = reference(new Float64Array(length), src, slots, shape, keyOffset, angles);
      const vals = reference(new Float64Array(length), src, slots, shape, valOffset);
      if (kvType === 'f16') for (const pages of [keys, vals]) pages.set(pages.map((v) => f16ToF32(f32ToF16(v))));
      return {
        count: slots.length,
        inputs: { src, angles, tokens: Uint32Array.from(table), range: rangeWords(0, slots.length) },
        outputs: {
          keys: { initial, expected: keys, elements: kvType },
          vals: { initial, expected: vals, elements: kvType },
        },
      };
    },
  };
}

export const kv_write: Kernel<Shape, Variant> = {
  name: 'kv_write',

  variants: () => [{}],

  wgsl: ({ kvType }) => wgsl`
override HEADS: u32;
override HEAD_START: u32;
override HEAD_PAIRS: u32;
override ROPE_PAIRS: u32;
override SRC_STRIDE: u32;
override KEY_OFFSET: u32;
override VAL_OFFSET: u32;
const PAGE_LENGTH = ${pageLength}u;
${range}
${tokenTable}
${rotate}
var<storage, read> src: array<vec2<f32>>;
${kvPairs(kvType)}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let head = id.x / HEAD_PAIRS;
  let pair = id.x % HEAD_PAIRS;
  if (head >= HEADS) { return; }
  let token = range.start + id.y;
  let slot = tokens[token].kv_slot;
  let dst = (((slot / PAGE_LENGTH) * HEADS + head) * PAGE_LENGTH + slot % PAGE_LENGTH) * HEAD_PAIRS + pair;
  let column = (HEAD_START + head) * HEAD_PAIRS + pair;
  let row = token * (SRC_STRIDE / 2u);
  if (id.z == 0u) {
    keys[dst] = kv_pair(rotated(src[row + KEY_OFFSET / 2u + column], token, pair));
  } else {
    vals[dst] = kv_pair(src[row + VAL_OFFSET / 2u + column]);
  }
}
`,

  overrides: ({ heads, headStart, headLength, ropePairs, srcStride, keyOffset, valOffset }) => ({
    HEADS: heads,
    HEAD_START: headStart,
    HEAD_PAIRS: headLength / 2,
    ROPE_PAIRS: ropePairs,
    SRC_STRIDE: srcStride,
    KEY_OFFSET: keyOffset,
    VAL_OFFSET: valOffset,
  }),

  workgroups: ({ heads, headLength }, _, count) => [Math.ceil((heads * headLength) / 2 / invocations), count, 2],
};

export const kvWriteChecks = (): Checks<Shape> => ({
  cost: ({ heads, headLength, kvType }, count) => ({
    bytes: count * heads * headLength * 2 * (4 + kvBytes[kvType]),
    flops: count * heads * headLength * 3,
  }),

  cases: [
    kvWriteCase('f32', 4, 0, 8, 4),
    kvWriteCase('f32', 3, 1, 64, 32),
    kvWriteCase('f16', 1, 0, 128, 64),
    kvWriteCase('f16', 4, 2, 20, 6),
  ],

  benches: [kvWriteCase('f16', 8, 0, 128, 64)],
});
