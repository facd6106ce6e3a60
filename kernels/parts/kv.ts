import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/**
 * How keys and values stand in memory. A layer's pages hold [page][kv head][PAGE_LENGTH positions][HEAD_LENGTH]; a
 * buffer that would outgrow a binding is split by kv heads, each group of heads a buffer and a dispatch of its own.
 */
export type KvType = 'f32' | 'f16';

/** Positions per page: whole tiles of attention, few enough that a short sequence wastes little. */
export const pageLength = 256;

export const kvBytes = { f32: 4, f16: 2 } as const;

/** Declares `keys` and `vals` as kernels that write them see them: by adjacent pairs. */
export const kvPairs = (type: KvType) => wgsl`
#if ${type === 'f16'}
alias KvPair = u32;
fn kv_pair(v: vec2<f32>) -> KvPair { return pack2x16float(v); }
#else
alias KvPair = vec2<f32>;
fn kv_pair(v: vec2<f32>) -> KvPair { return v; }
#endif
var<storage, read_write> keys: array<KvPair>;
var<storage, read_write> vals: array<KvPair>;
`;

/** Declares `keys` and `vals` as attention reads them: `key_four(i)` and `val_four(i)`, four values at a time. */
export const kvFours = (type: KvType, f16: boolean) => wgsl`
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
var<storage, read> keys: array<KvFour>;
var<storage, read> vals: array<KvFour>;
`;
