/**
 * kv_write: puts the keys, turned by RoPE, and the values of new tokens into their pages.
 *
 *   src          [tokens, SRC_STRIDE]: keys from column KEY_OFFSET on, values from VAL_OFFSET, kv heads × HEAD_LENGTH each
 *   keys, vals   pages of one group of kv heads, [page][HEADS][PAGE_LENGTH][HEAD_LENGTH]
 *   dispatch     x: pairs, or blocks, of the group's heads, y: tokens, z: keys, values
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel, Tolerance } from '../src/gpu/kernel.ts';
import { f32Tolerance, Random } from './case_data.ts';
import { packPages, pageElements, storable } from './kv_case_data.ts';
import { type KvType, kvBlockLength, kvBytes, kvUnit, kvWriter, pageLength } from './parts/kv.ts';
import { range, rangeWords } from './parts/range.ts';
import { angleTable, caseAngles, rotate, rotateHead } from './parts/rotate.ts';
import { reference as quantizeBlocks } from './quantize_q8.ts';
import { paddedLength } from './quants/block_type.ts';
import { f16ToF32, f32ToF16 } from './quants/floats.ts';

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

const tolerances: Readonly<Record<KvType, Tolerance>> = {
  f32: f32Tolerance,
  f16: { nmse: 1e-6, max: 2e-3 }, // f16 keeps 11 bits: 2^-12 of the value
  q8_0: { nmse: 1e-5, max: 0.5 }, // measured 0; room for a value or two that round the other way, by 1/127 of their block's largest
};

/** Pages [pages × heads, pageLength, headLength] after the write: keys (turned) or values of `src`, token t at slots[t]. */
export function reference(
  pages: Float64Array,
  src: Float32Array,
  slots: readonly number[],
  shape: Shape,
  offset: number,
  angles?: Float32Array,
): Float64Array {
  const { kvType, heads, headStart, headLength, ropePairs, srcStride } = shape;
  slots.forEach((slot, t) => {
    for (let head = 0; head < heads; head++) {
      const from = t * srcStride + offset + (headStart + head) * headLength;
      const turn = angles?.subarray(t * ropePairs * 2, (t + 1) * ropePairs * 2) ?? [];
      const values = rotateHead(src.subarray(from, from + headLength), turn, turn.length / 2);
      const page = Math.floor(slot / pageLength);
      const row = (page * heads + head) * pageLength + (slot % pageLength);
      pages.set(rounded(values, kvType), row * headLength);
    }
  });
  return pages;
}

/** A head's values as they are stored. */
function rounded(values: Float64Array, kvType: KvType): Float64Array {
  const half = (value: number) => f16ToF32(f32ToF16(value));
  if (kvType === 'f32') return values;
  if (kvType === 'f16') return values.map(half);
  const { q, s } = quantizeBlocks(values);
  return values.map((_, i) => q[i]! * half(s[Math.floor(i / kvBlockLength[kvType])]!));
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
    tolerance: tolerances[kvType],
    trial() {
      const slots = [0, pageLength - 1, pageLength, 2 * pageLength + 77, 2 * pageLength + 78];
      const positions = [0, 255, 1000, 163_838, 163_839];
      const random = new Random(headLength);
      const src = random.normal(slots.length * srcStride);
      const angles = caseAngles(positions, ropePairs);
      const length = 3 * pageLength * heads * headLength;
      const before = storable(
        random.normal(length).map((value) => value / 100), // little beside what is written: errors are measured against both
        kvType,
      );
      const initial = packPages(before, headLength, kvType);
      const pages = (offset: number, turn?: Float32Array) =>
        reference(Float64Array.from(before), src, slots, shape, offset, turn);
      const elements = pageElements(headLength, kvType);
      return {
        count: slots.length,
        inputs: { src, angles: angleTable(angles, ropePairs, slots), range: rangeWords(0, slots.length) },
        outputs: {
          keys: { initial, expected: pages(keyOffset, angles), elements },
          vals: { initial, expected: pages(valOffset), elements },
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
${rotate}
var<storage, read> src: array<vec2<f32>>;
${kvWriter(kvType)}

// a pair of a head: keys, turned, or values
fn source(is_key: bool, token: u32, head: u32, pair: u32) -> vec2<f32> {
  let i = token * (SRC_STRIDE / 2u) + (HEAD_START + head) * HEAD_PAIRS + pair;
  if (is_key) { return rotated(src[i + KEY_OFFSET / 2u], token, pair); }
  return src[i + VAL_OFFSET / 2u];
}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let units = HEAD_PAIRS / ${kvUnit(kvType) / 2}u; // of a head
  let head = id.x / units;
  if (head >= HEADS) { return; }
  let token = range.start + id.y;
  let slot = kv_slot(token);
  write_kv(id.z == 0u, token, head, id.x % units, (slot / PAGE_LENGTH) * HEADS + head, slot % PAGE_LENGTH);
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

  workgroups: ({ kvType, heads, headLength }, _, count) => [
    Math.ceil((heads * headLength) / kvUnit(kvType) / invocations),
    count,
    2,
  ],
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
    kvWriteCase('q8_0', 3, 1, 32, 16),
    kvWriteCase('q8_0', 2, 0, 96, 20),
    kvWriteCase('q8_0', 1, 0, 128, 64),
  ],

  benches: [kvWriteCase('f16', 8, 0, 128, 64), kvWriteCase('q8_0', 8, 0, 128, 64)],
});
