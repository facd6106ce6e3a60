import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { HeldPart } from './held.ts';
import { type KvType, kvWriter, pageLength } from './kv.ts';
import { rotate } from './rotate.ts';

/** Heads of a fused q, k, v: rows are HEADS query heads, then KV_HEADS of keys, then as many of values. */
export interface QkvHeads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headLength: number;
  /** Pairs of a head that turn. */
  readonly ropePairs: number;
  readonly kvType: KvType;
}

const common = (kvType: KvType) => wgsl`
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_PAIRS: u32;
override ROPE_PAIRS: u32;
const PAGE_LENGTH = ${pageLength}u;
${rotate}
var<storage, read_write> dst: array<vec2<f32>>; // queries, [token, DST_STRIDE]
${kvWriter(kvType)}

fn is_turned(pair: u32) -> bool { return pair < (HEADS + KV_HEADS) * HEAD_PAIRS; }

fn turned_pair(pair: u32, token: u32, v: vec2<f32>) -> vec2<f32> {
  if (is_turned(pair)) { return rotated(v, token, pair % HEAD_PAIRS); }
  return v;
}

// a unit of the keys or values, which begins at \`pair\` of the row
fn write_unit(pair: u32, unit: u32, token: u32) {
  let is_key = is_turned(pair);
  let head = pair / HEAD_PAIRS - HEADS - select(KV_HEADS, 0u, is_key);
  let slot = kv_slot(token);
  write_kv(is_key, token, head, unit, (slot / PAGE_LENGTH) * KV_HEADS + head, slot % PAGE_LENGTH);
}
`;

/** RoPE of queries and keys; keys and values go into their pages, a pair at once: `after(pair, token, v)`. */
export const ropeKvPairs = (kvType: KvType) => wgsl`
${common(kvType)}
var<private> own_pair: vec2<f32>;
fn source(is_key: bool, token: u32, head: u32, pair: u32) -> vec2<f32> { return own_pair; }

fn after(pair: u32, token: u32, v: vec2<f32>) {
  let turned = turned_pair(pair, token, v);
  if (pair < HEADS * HEAD_PAIRS) {
    dst[token * (DST_STRIDE / 2u) + pair] = turned;
    return;
  }
  own_pair = turned;
  write_unit(pair, pair % HEAD_PAIRS, token);
}
`;

/** The same where keys and values are stored in blocks of 32. */
export const ropeKvBlocks = (kvType: KvType): HeldPart => ({
  perPair: 2,
  unitPairs: 16,
  blockPairs: 16,
  wgsl: wgsl`
${common(kvType)}
var<private> own_block: u32; // where its values begin in \`held\`
fn held_pair(i: u32) -> vec2<f32> { return vec2<f32>(held[own_block + 2u * i], held[own_block + 2u * i + 1u]); }
fn source(is_key: bool, token: u32, head: u32, pair: u32) -> vec2<f32> { return held_pair(pair % 16u); }

fn hold(at: u32, own: u32, pair: u32, token: u32, v: vec2<f32>) {
  let turned = turned_pair(pair, token, v);
  held[at + 2u * own] = turned.x;
  held[at + 2u * own + 1u] = turned.y;
}

fn finish(at: u32, own: u32, block: u32, token: u32) {
  own_block = at + own * 32u;
  if (block * 16u >= HEADS * HEAD_PAIRS) {
    write_unit(block * 16u, block % (HEAD_PAIRS / 16u), token);
    return;
  }
  for (var i = 0u; i < not_constant(16u); i++) { dst[token * (DST_STRIDE / 2u) + block * 16u + i] = held_pair(i); }
}
`,
});
