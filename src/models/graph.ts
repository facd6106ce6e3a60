import { add } from '../../kernels/add.ts';
import { flash_attn } from '../../kernels/flash_attn.ts';
import { flash_attn_merge } from '../../kernels/flash_attn_merge.ts';
import { get_rows } from '../../kernels/get_rows.ts';
import { kv_write } from '../../kernels/kv_write.ts';
import { laneFloats, log_softmax, maxTop, partWords } from '../../kernels/log_softmax.ts';
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
import { type RangeName, type StepCounts, type StepTables, scoredIn, sliceCount, sliceRows } from './step.ts';

/** `exact`: f32 activations and sums, f32 KV. `fast`: int8 activations where weights are int8, f16 KV, f32 sums. */
export type Precision = 'exact' | 'fast';

/** Activations of a step's tokens (of those of which anything is wanted, or logits), [rows, paddedLength(length)] in f32. */
export interface Activation {
  readonly name: string;
  readonly length: number;
  readonly of: 'tokens' | 'rows' | 'logits';
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
type GraphStep = Pick<StepTables, 'limits' | 'table' | 'range' | 'scoredRange'>;

/** What the scored rows say: see log_softmax. */
export type ScoreBuffers = Record<'lanes' | 'target_logprobs' | 'top_ids' | 'top_logprobs', GPUBuffer>;

/** What a step leaves: logits, [logits, vocabLength]; and scores, where they are recorded. */
export interface Output {
  readonly logits: Activation;
  readonly scores: ScoreBuffers | undefined;
}

/** Columns that the kernels of the decode phase are made for. */
const columnWidths = [1, 2, 4, 8] as const;

/** The vocabulary of `forward`: each call records the dispatches of one operation for both phases. */
export class Graph {
  readonly #recorder: GraphRecorder;
  readonly #config: ModelConfig;
  readonly #step: GraphStep;
  readonly #precision: Precision;
  readonly #scores: boolean;
  readonly #activations = new Map<string, Activation>();
  /** int8 forms of activations that hold since the activation was last written. */
  readonly #quantized = new Map<string, Readonly<Record<string, BufferRange>>>();

  /** `scores`: rows can be scored, which takes kernels and buffers that most models are never asked for. */
  constructor(recorder: GraphRecorder, config: ModelConfig, step: GraphStep, precision: Precision, scores = false) {
    this.#recorder = recorder;
    this.#config = config;
    this.#step = step;
    this.#precision = precision;
    this.#scores = scores;
  }

  /** Activations by name: the same name is the same buffer, in every layer. */
  activation(name: string, length: number, of: Activation['of'] = 'tokens'): Activation {
    this.#quantized.delete(name); // about to be written
    const known = this.#activations.get(name);
    if (known) return known;
    const { maxTokens, maxRows, maxLogits } = this.#step.limits;
    const rows = { tokens: maxTokens, rows: maxRows, logits: maxLogits }[of];
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

  /** The rows of `src` of which anything is wanted. */
  wantedRows(src: Activation): Activation {
    const dst = this.activation(`${src.name} wanted`, src.length, 'rows');
    const tile = this.#recorder.uniform('all tokens', new Uint32Array([0, Math.ceil(this.#step.limits.maxTokens / 2)]));
    this.#recorder.dispatch(get_rows, {
      shape: { type: 'F32', rowLength: src.length, chained: false },
      buffers: { weight_v: src, tile, ids: this.#step.table('rows'), dst, range: this.#step.range('rows') },
      count: (counts) => counts.rows,
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
    this.#quantized.delete(dst.name);
    for (const tile of matrix.tiles) this.#mulMatTile(tile, matrix.rowLength, x, dst, after);
    return dst;
  }

  #mulMatTile(tile: RowTile, rowLength: number, x: Activation, dst: Activation, after: After): void {
    const [prefill, decode] = phases[dst.of];
    const input = this.#inputFor(tile, x);
    const shape = {
      type: tile.type.name,
      activation: input.format,
      after,
      rows: tile.rowCount,
      rowLength,
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

  /**
   * What the output matrix makes of the last hidden states, `x`: logits where they are wanted, and where scores are, the
   * log-probabilities of one token and of the most likely ones. Tile by tile for all of them, so that each comes but once.
   */
  output(matrix: Matrix, x: Activation): Output {
    const logits = this.activation('logits', matrix.rowCount, 'logits');
    const scores = this.#scores ? this.#scoreBuffers() : undefined;
    const longest = paddedLength(Math.max(...matrix.tiles.map(({ rowCount }) => rowCount)));
    for (const tile of matrix.tiles) {
      this.#mulMatTile(tile, matrix.rowLength, x, logits, 'store');
      const isLast = tile === matrix.tiles.at(-1);
      if (scores) this.#scoreTile(tile, isLast, matrix.rowLength, longest, x, scores);
    }
    return { logits, scores };
  }

  #scoreBuffers(): ScoreBuffers {
    const { maxRows } = this.#step.limits;
    const buffer = (name: string, perRow: number) => this.#recorder.buffer(name, maxRows * perRow * 4);
    return {
      lanes: buffer('score lanes', laneFloats),
      target_logprobs: buffer('target logprobs', 1),
      top_ids: buffer('top ids', maxTop),
      top_logprobs: buffer('top logprobs', maxTop),
    };
  }

  /** A tile's logits of the rows that are scored, a slice of them at a time, [sliceRows, stride]; and what they say. */
  #scoreTile(
    tile: RowTile,
    isLast: boolean,
    rowLength: number,
    stride: number,
    x: Activation,
    scores: ScoreBuffers,
  ): void {
    const { rowStart, rowCount, label, type } = tile;
    const logits = { buffer: this.#recorder.buffer('scored logits', sliceRows * stride * 4) };
    const alone = this.#recorder.uniform(`${label} alone`, new Uint32Array([0, Math.ceil(rowCount / 2)]));
    const words = partWords({ start: rowStart, length: rowCount, isLast });
    const part = this.#recorder.uniform(`${label} of the vocabulary`, words);
    const input = this.#inputFor(tile, x);
    for (let slice = 0; slice < sliceCount(this.#step.limits); slice++) {
      const of = (range: BufferRange) => sliceOf(range, slice, this.#step.limits.maxRows);
      const range = this.#step.scoredRange(slice);
      const count = (counts: StepCounts) => (counts.scored > 0 ? scoredIn(counts, slice).count : 0);
      const act = Object.fromEntries(Object.entries(input.buffers).map(([name, buffer]) => [name, of(buffer)]));
      this.#recorder.dispatch(mul_mat, {
        shape: {
          type: type.name,
          activation: input.format,
          after: 'store',
          rows: rowCount,
          rowLength,
          dstStride: stride,
        },
        buffers: { ...tile.planes, ...act, tile: alone, dst: logits, range },
        count,
        tile,
      });
      const { lanes, target_logprobs, top_ids, top_logprobs } = scores;
      this.#recorder.dispatch(log_softmax, {
        shape: { stride },
        buffers: {
          logits,
          part,
          range,
          scorings: of(this.#step.table('scorings')),
          lanes: of({ buffer: lanes }),
          target_logprobs: of({ buffer: target_logprobs }),
          top_ids: of({ buffer: top_ids }),
          top_logprobs: of({ buffer: top_logprobs }),
        },
        count,
        tile,
      });
    }
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

/** What is written decides. */
const phases = {
  tokens: ['prefill', 'decode'],
  rows: ['prefillLogits', 'decodeLogits'],
  logits: ['prefillLogits', 'decodeLogits'],
} as const satisfies Record<Activation['of'], readonly [RangeName, RangeName]>;

/** The part of a buffer that holds a slice of its `maxRows` rows. */
function sliceOf({ buffer }: BufferRange, slice: number, maxRows: number): BufferRange {
  const size = (buffer.size / maxRows) * sliceRows;
  return { buffer, offset: slice * size, size };
}

/** The narrowest kernel that takes all columns at once, or the widest, several times. */
function widthFor(columns: number): (typeof columnWidths)[number] {
  return columnWidths.find((width) => width >= columns) ?? 8;
}
