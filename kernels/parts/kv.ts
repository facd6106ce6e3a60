import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { packI8, unpackI8 } from './values.ts';

/**
 * How keys and values stand in memory. A layer's pages hold [page][kv head][PAGE_LENGTH positions][HEAD_LENGTH]; a
 * buffer that would outgrow a binding is split by kv heads, each group of heads a buffer and a dispatch of its own.
 *
 * q8_0 is ggml's: blocks of 32 values as int8 with one f16 scale, scale = max|x| / 127, q = round(x / scale). Of a page
 * and kv head come first all its int8, four to a word, then all its scales, two to a word, blocks in the same order: so
 * every load is an aligned word, and a layer's keys are one binding.
 */
export type KvType = 'f32' | 'f16' | 'q8_0';

/** Positions per page: whole tiles of attention, few enough that a short sequence wastes little. */
export const pageLength = 256;

/** Bytes per value, scales included: times `pageLength` and the head length, the bytes of a head's page. */
export const kvBytes = { f32: 4, f16: 2, q8_0: 34 / 32 } as const satisfies Record<KvType, number>;

/** Values that are stored together: a head's length must be a multiple. */
export const kvBlockLength = { f32: 1, f16: 1, q8_0: 32 } as const satisfies Record<KvType, number>;

/** Whether blocks share a scale. */
export const hasScales = (type: KvType) => kvBlockLength[type] > 1;

/** Values that an invocation of kv_write stores: a pair, as RoPE turns it, or a block. */
export const kvUnit = (type: KvType) => Math.max(2, kvBlockLength[type]);

/**
 * Declares `keys` and `vals`, and `write_kv(is_key, token, head, unit, page, place)`: stores one unit of a head at a
 * place of the head's page, whose number counts the pages of all heads. Needs
 * `source(is_key, token, head, pair) -> vec2<f32>`, `override HEAD_PAIRS` and `const PAGE_LENGTH`.
 */
export const kvWriter = (type: KvType) => (hasScales(type) ? blockWriter : pairWriter(type));

const pairWriter = (type: KvType) => wgsl`
#if ${type === 'f16'}
alias KvPair = u32;
fn kv_pair(v: vec2<f32>) -> KvPair { return pack2x16float(v); }
#else
alias KvPair = vec2<f32>;
fn kv_pair(v: vec2<f32>) -> KvPair { return v; }
#endif
var<storage, read_write> keys: array<KvPair>;
var<storage, read_write> vals: array<KvPair>;

fn write_kv(is_key: bool, token: u32, head: u32, pair: u32, page: u32, place: u32) {
  let dst = (page * PAGE_LENGTH + place) * HEAD_PAIRS + pair;
  let v = kv_pair(source(is_key, token, head, pair));
  if (is_key) { keys[dst] = v; } else { vals[dst] = v; }
}
`;

const blockWriter = `
${packI8}
// atomic, since two blocks share a word of scales
var<storage, read_write> keys: array<atomic<u32>>;
var<storage, read_write> vals: array<atomic<u32>>;

fn store_word(is_key: bool, i: u32, word: u32) {
  if (is_key) { atomicStore(&keys[i], word); } else { atomicStore(&vals[i], word); }
}
fn store_half(is_key: bool, i: u32, half: u32) {
  let shift = (i & 1u) * 16u;
  let others = ~(0xffffu << shift);
  if (is_key) {
    atomicAnd(&keys[i / 2u], others);
    atomicOr(&keys[i / 2u], half << shift);
  } else {
    atomicAnd(&vals[i / 2u], others);
    atomicOr(&vals[i / 2u], half << shift);
  }
}

fn write_kv(is_key: bool, token: u32, head: u32, head_block: u32, page: u32, place: u32) {
  let pair = head_block * 16u;
  var most = 0.0;
  for (var i = 0u; i < not_constant(16u); i++) {
    let v = abs(source(is_key, token, head, pair + i));
    most = max(most, max(v.x, v.y));
  }
  let inverse = select(0.0, 127.0 / most, most > 0.0);
  let words = PAGE_LENGTH * HEAD_PAIRS / 2u; // of a page's int8
  let page_start = page * (words + words / 16u);
  let block = place * (HEAD_PAIRS / 16u) + head_block;
  for (var i = 0u; i < not_constant(8u); i++) {
    let low = source(is_key, token, head, pair + 2u * i);
    let high = source(is_key, token, head, pair + 2u * i + 1u);
    store_word(is_key, page_start + block * 8u + i, pack_i8(vec4<f32>(low, high) * inverse));
  }
  store_half(is_key, 2u * (page_start + words) + block, pack2x16float(vec2<f32>(most / 127.0, 0.0)));
}
`;

/**
 * Declares `keys` and `vals`, and `key_four(page_start, i)` and `val_four`: the i-th four values of a head's page, which
 * starts at its number × KV_PAGE. Needs `const PAGE_LENGTH` and `const FOURS`, of a head.
 */
export const kvFours = (type: KvType, f16: boolean) => (hasScales(type) ? blockFours : plainFours(type, f16));

const plainFours = (type: KvType, f16: boolean) => wgsl`
#if ${type === 'f32'}
alias KvFour = vec4<f32>;
fn four(v: KvFour) -> vec4<f32> { return v; }
#elif ${f16}
enable f16;
alias KvFour = vec4<f16>;
fn four(v: KvFour) -> vec4<f32> { return vec4<f32>(v); }
#else
alias KvFour = vec2<u32>;
fn four(v: KvFour) -> vec4<f32> { return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y)); }
#endif
const KV_PAGE = PAGE_LENGTH * FOURS;
var<storage, read> keys: array<KvFour>;
var<storage, read> vals: array<KvFour>;
fn key_four(page_start: u32, i: u32) -> vec4<f32> { return four(keys[page_start + i]); }
fn val_four(page_start: u32, i: u32) -> vec4<f32> { return four(vals[page_start + i]); }
`;

const blockFours = `
${unpackI8(false)}
const KV_WORDS = PAGE_LENGTH * FOURS; // of a page's int8
const KV_PAGE = KV_WORDS + KV_WORDS / 16u;
var<storage, read> keys: array<u32>;
var<storage, read> vals: array<u32>;

// four int8 with the scale of their block, a half of a word
fn scaled(word: u32, scales: u32, i: u32) -> vec4<f32> {
  return vec4<f32>(unpack_i8(word)) * unpack2x16float(scales >> (2u * (i & 8u))).x;
}
fn key_four(page_start: u32, i: u32) -> vec4<f32> {
  return scaled(keys[page_start + i], keys[page_start + KV_WORDS + i / 16u], i);
}
fn val_four(page_start: u32, i: u32) -> vec4<f32> {
  return scaled(vals[page_start + i], vals[page_start + KV_WORDS + i / 16u], i);
}
`;
