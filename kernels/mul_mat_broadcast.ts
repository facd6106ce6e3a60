import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Features } from '../src/gpu/device.ts';
import type { MulMatShape } from './mul_mat_cases.ts';
import { after, silu } from './parts/after.ts';
import { range, tile } from './parts/range.ts';
import { unroll, values } from './parts/values.ts';
import type { BlockType } from './quants/block_type.ts';
import { matmulTypes } from './quants/index.ts';

/**
 * The tile of CPU drivers, where an invocation is a lane of a vector: a load costs as much as twenty multiplications,
 * however wide it is, a broadcast no more than one. So each invocation owns rows, and all the tile's tokens; the lanes
 * of a subgroup each load four values of a token of their own, and broadcast them.
 *
 * A step takes four values of k, which keeps the code in the instruction cache. Int8 multiplies as f32, where it is exact
 * and twice as fast as unpacking for integers: values meet their blocks' scales as they are unpacked.
 */
export interface BroadcastTile {
  readonly by: 'broadcast';
  /** Pairs of rows that an invocation owns. */
  readonly pairs: number;
  /** Tokens. */
  readonly columns: number;
  /** Lanes that share their loads of activations; 1 without subgroups. */
  readonly lanes: 1 | 4 | 8;
}

const invocations = 32;
/** Steps of four values in a pair of blocks, which share a load of scales. */
const steps = 16;

/** Rows and tokens of a workgroup. */
export const broadcastSize = ({ pairs, columns }: BroadcastTile) => [2 * pairs * invocations, columns] as const;

/** Needs `override BLOCKS` and `DST_STRIDE`. */
export function mulMatBroadcast(shape: MulMatShape, { pairs, columns, lanes }: BroadcastTile): string {
  const type = matmulTypes[shape.type] as BlockType;
  const q8 = shape.activation === 'q8';
  const groups = columns / lanes;
  const rows = 2 * pairs;
  const eachRow = (line: (r: number) => string) => unroll(rows, line);
  const eachGroup = (line: (g: number) => string) => unroll(groups, line);
  const column = (c: number) => (lanes === 1 ? `x${c}` : `subgroupBroadcast(x${Math.floor(c / lanes)}, ${c % lanes}u)`);
  return wgsl`
#if ${lanes > 1}
enable subgroups;
#endif
override BLOCKS: u32;
override DST_STRIDE: u32;
${range}
${tile}
${values(type.fours)}
${type.read({ dp4a: false, f16: false, inTurns: shape.after === 'swiglu' })}
#if ${q8}
var<storage, read> act_q: array<u32>; // [token, BLOCKS × 8]
var<storage, read> act_s: array<f32>; // [token, BLOCKS]
#else
var<storage, read> act: array<vec4<f32>>; // [token, BLOCKS × 8]
#endif
${silu}
${after(shape.after)}

@compute @workgroup_size(${invocations})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
#if ${lanes > 1}
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
#endif
) {
#if ${lanes > 1}
  let lane = subgroup_lane % ${lanes}u;
#else
  let lane = 0u;
#endif
  let pair = id.x * ${pairs}u;
  ${eachRow((r) => `let row${r} = 2u * min(pair + ${r >> 1}u, tile.pair_count - 1u) + ${r & 1}u;`)}
  let first = range.start + id.y * ${columns}u;
  let end = range.start + range.count;
  ${eachGroup((g) => `let token${g} = min(first + ${g * lanes}u + lane, end - 1u);`)}
  var sums: array<f32, ${columns * rows}>; // [columns, rows]: at constant indices registers, and code for only one at others

  for (var two = 0u; two < not_constant(BLOCKS / 2u); two++) {
    ${eachRow((r) => `let scales${r} = weight_scales(row${r}, two);`)}
#if ${q8}
    ${eachGroup((g) => `let xs${g} = vec2<f32>(act_s[token${g} * BLOCKS + 2u * two], act_s[token${g} * BLOCKS + 2u * two + 1u]);`)}
#endif
    for (var step = 0u; step < ${steps}u; step++) {
      let low = step < ${steps / 2}u;
      let four = two * ${steps}u + step;
      ${eachRow((r) => `let w${r} = weight_four(row${r}, four, select(scales${r}.y, scales${r}.x, low));`)}
#if ${q8}
      ${eachGroup((g) => `let x${g} = vec4<f32>(unpack_i8(act_q[token${g} * BLOCKS * 8u + four])) * select(xs${g}.y, xs${g}.x, low);`)}
#else
      ${eachGroup((g) => `let x${g} = act[token${g} * BLOCKS * 8u + four];`)}
#endif
      ${unroll(
        columns,
        (c) => `
      let v${c} = ${column(c)};
      ${eachRow((r) => `sums[${c * rows + r}] += (w${r}.x * v${c}.x + w${r}.y * v${c}.y) + (w${r}.z * v${c}.z + w${r}.w * v${c}.w);`)}`,
      )}
    }
  }
  for (var i = 0u; i < not_constant(${columns * pairs}u); i++) {
    let token = first + i / ${pairs}u;
    let own = pair + i % ${pairs}u;
    if (token < end && own < tile.pair_count) { after(tile.pair_start + own, token, vec2<f32>(sums[2u * i], sums[2u * i + 1u])); }
  }
}
`;
}

/** Lanes of every subgroup that exchange what they load. */
export function broadcastLanes({ subgroupMinSize }: Features): BroadcastTile['lanes'] {
  if (subgroupMinSize >= 8) return 8;
  return subgroupMinSize >= 4 ? 4 : 1;
}
