import type { ActivationFormat } from './activation.ts';
import { type After, after } from './after.ts';
import { addNormed, type HeldPart, held, swigluQ8 } from './held.ts';
import { hasScales } from './kv.ts';
import { type QkvHeads, ropeKvBlocks, ropeKvPairs } from './rope_kv.ts';
import { unroll } from './values.ts';

/**
 * What becomes of mul_mat_vec's results: what mul_mat's do; `swiglu_q8` hands on int8; `add_normed` and `add_normed_q8` add
 * to a residual row and hand the sum on, normed but for its root mean square; `rope_kv` turns queries and keys and writes
 * the cache.
 */
export type VecAfter = After | 'swiglu_q8' | 'add_normed' | 'add_normed_q8' | 'rope_kv';

/** A part as the kernel composes it. */
export interface VecPart {
  readonly wgsl: string;
  /** Statement that takes `v`, of `pair` of the tile's pairs, `own` of the group's, in column `column` for `token`. */
  readonly take: string;
  readonly heldPart?: HeldPart;
  readonly groupPairs: number;
}

/** The part of a shape; a workgroup has `groupPairs` pairs of rows, and of columns as many as the shape says. */
export function vecAfter(
  { after: name, columns, qkv }: { after: VecAfter; columns: number; qkv?: QkvHeads },
  groupPairs: number,
): VecPart {
  const heldPart = heldParts(name, qkv);
  if (!heldPart) {
    const wgsl = name === 'rope_kv' ? ropeKvPairs((qkv as QkvHeads).kvType) : after(name as After);
    return { wgsl, take: 'if (pair < tile.pair_count) { after(tile.pair_start + pair, token, v); }', groupPairs };
  }
  const heldLength = groupPairs * heldPart.perPair;
  return {
    heldPart,
    groupPairs,
    wgsl: `${held(columns * heldLength)}${heldPart.wgsl}`,
    take: `
  if (pair < tile.pair_count) { hold(column * ${heldLength}u, own, tile.pair_start + pair, token, v); }
  else { ${unroll(heldPart.perPair, (i) => `held[column * ${heldLength}u + own * ${heldPart.perPair}u + ${i}u] = 0.0;`)} }`,
  };
}

function heldParts(name: VecAfter, qkv: QkvHeads | undefined): HeldPart | undefined {
  const q8: ActivationFormat = 'q8';
  if (name === 'swiglu_q8') return swigluQ8;
  if (name === 'add_normed') return addNormed('f32');
  if (name === 'add_normed_q8') return addNormed(q8);
  if (name === 'rope_kv' && qkv && hasScales(qkv.kvType)) return ropeKvBlocks(qkv.kvType);
  return undefined;
}

/** What `main` ends with: the units that are held, up to the end of the tile's last block. */
export function finishHeld({ heldPart, groupPairs }: VecPart, columns: number, invocations: number): string {
  if (!heldPart) return '';
  const { perPair, unitPairs, blockPairs } = heldPart;
  const units = groupPairs / unitPairs;
  return `
  workgroupBarrier();
  let tile_units = (tile.pair_count + ${blockPairs - 1}u) / ${blockPairs}u * ${blockPairs / unitPairs}u;
  for (var i = invocation; i < ${units * columns}u; i += ${invocations}u) {
    let column = i / ${units}u;
    let own = i % ${units}u;
    let unit = group.x * ${units}u + own;
    if (unit < tile_units && first + column < end) {
      finish(column * ${groupPairs * perPair}u, own, tile.pair_start / ${unitPairs}u + unit, first + column);
    }
  }`;
}
