import { add } from '../../kernels/add.ts';
import { flash_attn } from '../../kernels/flash_attn.ts';
import { flash_attn_merge } from '../../kernels/flash_attn_merge.ts';
import { get_rows } from '../../kernels/get_rows.ts';
import { kv_write } from '../../kernels/kv_write.ts';
import { mul_mat } from '../../kernels/mul_mat.ts';
import { mul_mat_vec } from '../../kernels/mul_mat_vec.ts';
import type { After } from '../../kernels/parts/after.ts';
import { prefillItemTokens } from '../../kernels/parts/attention.ts';
import { partialLength } from '../../kernels/parts/attn_items.ts';
import type { KvType } from '../../kernels/parts/kv.ts';
import { quantize_q8 } from '../../kernels/quantize_q8.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { rms_norm } from '../../kernels/rms_norm.ts';
import { rope } from '../../kernels/rope.ts';
import { swiglu } from '../../kernels/swiglu.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import type { Recorder } from '../gpu/plan.ts';
import type { Matrix, RowTile } from '../weights/matrix.ts';
import type { ModelConfig } from './config.ts';
import type { RangeName, StepCounts, StepTables } from './step.ts';

/** `exact`: f32 activations and sums, f32 KV. `fast`: int8 activations where weights are int8, f16 KV, f32 sums. */
export type Precision = 'exact' | 'fast';

/** Activations of a step's tokens (or of those whose logits are wanted), [rows, paddedLength(length)] in f32. */
export interface Activation {
  readonly name: string;
  readonly length: number;
  readonly of: 'tokens' | 'logits';
  readonly buffer: GPUBuffer;
}

/** A layer's keys or values: pages of some of its kv heads. */
export interface KvGroup {
  readonly headStart: number;
  readonly heads: number;
  readonly keys: BufferRange;
  readonly vals: BufferRange;
}

export interface KvLayers {
  readonly type: KvType;
  /** Pages that the buffers hold. */
  readonly pageCount: number;
  readonly layers: readonly (readonly KvGroup[])[];
}

/** What `forward` is recorded on; a plan of memory only counts the buffers. */
export type GraphRecorder = Pick<Recorder<StepCounts>, 'buffer' | 'uniform' | 'dispatch'>;
type GraphStep = Pick<StepTables, 'limits' | 'table' | 'range'>;

/** Columns that the kernels of the decode phase are made for. */
const columnWidths = [1, 2, 4, 8] as const;

/** The vocabulary of `forward`: each call records the dispatches of one operation for both phases. */
export class Graph {
  readonly #recorder: GraphRecorder;
  readonly #config: ModelConfig;
  readonly #step: GraphStep;
  readonly #precision: Precision;
  readonly #activations = new Map<string, Activation>();
  /** int8 forms of activations that hold since the activation was last written. */
  readonly #quantized = new Map<string, Readonly<Record<string, BufferRange>>>();

  constructor(recorder: GraphRecorder, config: ModelConfig, step: GraphStep, precision: Precision) {
    this.#recorder = recorder;
    this.#config = config;
    this.#step = step;
    this.#precision = precision;
  }

  /** Activations by name: the same name is the same buffer, in every layer. */
  activation(name: string, length: number, of: Activation['of'] = 'tokens'): Activation {
    this.#quantized.delete(name); // about to be written
    const known = this.#activations.get(name);
    if (known) return known;
    const rows = of === 'tokens' ? this.#step.limits.maxTokens : this.#step.limits.maxLogits;
    const buffer = this.#recorder.buffer(name, rows * paddedLength(length) * 4);
    const activation = { name, length, of, buffer };
    this.#activations.set(name, activation);
    return activation;
  }

  /** dst = the rows of `matrix` that the step's ids name, those among them that the last step has sampled. */
  getRows(matrix: Matrix, dst: Activation): void {
    for (const tile of matrix.tiles) {
      this.#recorder.dispatch(get_rows, {
        shape: { type: tile.type.name, rowLength: matrix.rowLength, chained: true },
        buffers: {
          ...tile.planes,
          tile: tile.tile,
          ids: this.#step.table('ids'),
          tokens: this.#step.table('tokens'),
          last_ids: this.#step.table('lastIds'),
          dst,
          range: this.#step.range('tokens'),
        },
        count: (counts) => counts.tokens,
        tile,
      });
    }
  }

  /** The rows of `src` whose logits are wanted. */
  wantedRows(src: Activation): Activation {
    const dst = this.activation(`${src.name} wanted`, src.length, 'logits');
    const tile = this.#recorder.uniform('all tokens', new Uint32Array([0, Math.ceil(this.#step.limits.maxTokens / 2)]));
    this.#recorder.dispatch(get_rows, {
      shape: { type: 'F32', rowLength: src.length, chained: false },
      buffers: { weight_v: src, tile, ids: this.#step.table('logitRows'), dst, range: this.#step.range('logits') },
      count: (counts) => counts.logits,
    });
    return dst;
  }

  rmsNorm(x: Activation, weight: GPUBuffer): Activation {
    const dst = this.activation(`${x.name} normed`, x.length, x.of);
    this.#recorder.dispatch(rms_norm, {
      shape: { length: x.length, eps: this.#config.layerNormRmsEpsilon },
      buffers: { x, weight: { buffer: weight }, dst, range: this.#step.range(x.of) },
      count: (counts) => counts[x.of],
    });
    return dst;
  }

  /** matrix · x, and `after` of it into `dst`: stored, added to what is there, or gate and up to SwiGLU. */
  mulMat(matrix: Matrix, x: Activation, dst: Activation, after: After = 'store'): Activation {
    const [prefill, decode] = phases[x.of];
    this.#quantized.delete(dst.name);
    for (const tile of matrix.tiles) {
      const input = this.#inputFor(tile, x);
      const shape = {
        type: tile.type.name,
        activation: input.format,
        after,
        rows: tile.rowCount,
        rowLength: matrix.rowLength,
        dstStride: paddedLength(dst.length),
      };
      const buffers = { ...tile.planes, ...input.buffers, tile: tile.tile, dst };
      this.#recorder.dispatch(mul_mat, {
        shape,
        buffers: { ...buffers, range: this.#step.range(prefill) },
        count: (counts) => counts[prefill],
        tile,
      });
      for (const columns of columnWidths) {
        this.#recorder.dispatch(mul_mat_vec, {
          shape: { ...shape, columns },
          buffers: { ...buffers, range: this.#step.range(decode) },
          count: (counts) => (widthFor(counts[decode]) === columns ? counts[decode] : 0),
          tile,
        });
      }
    }
    return dst;
  }

  /** A tile's weights meet f32, or int8 where both the numeric class and the type allow; quantised once per write. */
  #inputFor(tile: RowTile, x: Activation): { format: 'f32' | 'q8'; buffers: Readonly<Record<string, BufferRange>> } {
    if (this.#precision === 'exact' || !tile.type.int8) return { format: 'f32', buffers: { act: x } };
    const buffers = this.#quantized.get(x.name) ?? this.#quantize(x);
    this.#quantized.set(x.name, buffers);
    return { format: 'q8', buffers };
  }

  #quantize(x: Activation): Readonly<Record<string, BufferRange>> {
    const values = x.buffer.size / 4;
    const act_q = { buffer: this.#recorder.buffer(`${x.name} q`, values) };
    const act_s = { buffer: this.#recorder.buffer(`${x.name} s`, values / 8) };
    this.#recorder.dispatch(quantize_q8, {
      shape: { length: x.length },
      buffers: { x, act_q, act_s, range: this.#step.range(x.of) },
      count: (counts) => counts[x.of],
    });
    return { act_q, act_s };
  }

  /** Adds one row to all of `dst`, from column `offset` on. */
  addBias(dst: Activation, bias: GPUBuffer | undefined, length: number, offset = 0): void {
    if (!bias) return;
    this.#quantized.delete(dst.name);
    this.#recorder.dispatch(add, {
      shape: { length, dstStride: paddedLength(dst.length), dstOffset: offset, srcStride: 0 },
      buffers: { src: { buffer: bias }, dst, range: this.#step.range(dst.of) },
      count: (counts) => counts[dst.of],
    });
  }

  /** Queries of `qkv`, turned by their positions. */
  rope(qkv: Activation): Activation {
    const { headCount: heads, keyLength: headLength, ropeDimensionCount } = this.#config;
    const dst = this.activation('q', heads * headLength);
    this.#recorder.dispatch(rope, {
      shape: { heads, headLength, ropePairs: ropeDimensionCount / 2, srcStride: paddedLength(qkv.length) },
      buffers: { src: qkv, angles: this.#step.table('angles'), dst, range: this.#step.range('tokens') },
      count: (counts) => counts.tokens,
    });
    return dst;
  }

  /** Keys of `qkv`, turned by their positions, and values, into their pages. */
  kvWrite(qkv: Activation, kv: KvLayers, layer: number): void {
    const { headCount, headCountKv, keyLength: headLength, ropeDimensionCount } = this.#config;
    for (const { headStart, heads, keys, vals } of kv.layers[layer] ?? []) {
      this.#recorder.dispatch(kv_write, {
        shape: {
          kvType: kv.type,
          heads,
          headStart,
          headLength,
          ropePairs: ropeDimensionCount / 2,
          srcStride: paddedLength(qkv.length),
          keyOffset: headCount * headLength,
          valOffset: (headCount + headCountKv) * headLength,
        },
        buffers: {
          src: qkv,
          keys,
          vals,
          angles: this.#step.table('angles'),
          tokens: this.#step.table('tokens'),
          range: this.#step.range('tokens'),
        },
        count: (counts) => counts.tokens,
      });
    }
  }

  /** Attention of `q` over all positions up to its own. */
  flashAttn(q: Activation, kv: KvLayers, layer: number): Activation {
    const { headCount: heads, headCountKv, keyLength: headLength } = this.#config;
    const { maxDecode, maxPages } = this.#step.limits;
    const dst = this.activation('attn', q.length);
    const partials = maxDecode * Math.min(kv.pageCount, maxPages) * heads;
    const partial = { buffer: this.#recorder.buffer('attn partial', partials * partialLength(headLength) * 4) };
    const headGroup = heads / headCountKv;
    for (const { headStart, heads: kvHeads, keys, vals } of kv.layers[layer] ?? []) {
      const shape = { kvType: kv.type, heads, headGroup, kvHeads, kvHeadStart: headStart, headLength, maxPages };
      const tables = {
        tokens: this.#step.table('tokens'),
        items: this.#step.table('items'),
        pages: this.#step.table('pages'),
      };
      const buffers = { ...tables, keys, vals, q, dst, partial };
      this.#recorder.dispatch(flash_attn, {
        shape: { ...shape, itemTokens: prefillItemTokens(headGroup) },
        buffers: { ...buffers, range: this.#step.range('prefillItems') },
        count: (counts) => counts.prefillItems,
      });
      this.#recorder.dispatch(flash_attn, {
        shape: { ...shape, itemTokens: 1 },
        buffers: { ...buffers, range: this.#step.range('decodeItems') },
        count: (counts) => counts.decodeItems,
      });
    }
    this.#recorder.dispatch(flash_attn_merge, {
      shape: { heads, headLength },
      buffers: { partial, tokens: this.#step.table('tokens'), dst, range: this.#step.range('decode') },
      count: (counts) => (counts.partials > 0 ? counts.decode : 0),
    });
    return dst;
  }

  /** SwiGLU of a gate and an up that are matrices of their own. */
  swiglu(gate: Activation, up: Activation, dst: Activation): Activation {
    this.#recorder.dispatch(swiglu, {
      shape: { length: dst.length },
      buffers: { gate, up, dst, range: this.#step.range('tokens') },
      count: (counts) => counts.tokens,
    });
    return dst;
  }
}

const phases = {
  tokens: ['prefill', 'decode'],
  logits: ['prefillLogits', 'decodeLogits'],
} as const satisfies Record<Activation['of'], readonly [RangeName, RangeName]>;

/** The narrowest kernel that takes all columns at once, or the widest, several times. */
function widthFor(columns: number): (typeof columnWidths)[number] {
  return columnWidths.find((width) => width >= columns) ?? 8;
}
