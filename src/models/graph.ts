import { add } from '../../kernels/add.ts';
import { flash_attn } from '../../kernels/flash_attn.ts';
import { flash_attn_merge } from '../../kernels/flash_attn_merge.ts';
import { get_rows } from '../../kernels/get_rows.ts';
import { kv_write } from '../../kernels/kv_write.ts';
import { mul_mat } from '../../kernels/mul_mat.ts';
import { mul_mat_vec } from '../../kernels/mul_mat_vec.ts';
import type { ActivationFormat } from '../../kernels/parts/activation.ts';
import type { After } from '../../kernels/parts/after.ts';
import { prefillItemTokens } from '../../kernels/parts/attention.ts';
import { partialLength } from '../../kernels/parts/attn_items.ts';
import type { KvType } from '../../kernels/parts/kv.ts';
import type { QkvHeads } from '../../kernels/parts/rope_kv.ts';
import type { VecAfter } from '../../kernels/parts/vec_after.ts';
import { quantize_q8 } from '../../kernels/quantize_q8.ts';
import { blockLength, paddedLength } from '../../kernels/quants/block_type.ts';
import { rms_norm } from '../../kernels/rms_norm.ts';
import { rope } from '../../kernels/rope.ts';
import { swiglu } from '../../kernels/swiglu.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Recorder } from '../gpu/plan.ts';
import type { Matrix, RowTile } from '../weights/matrix.ts';
import type { ModelConfig } from './config.ts';
import { type Buffers, formatFor, hasWholeBlocks, type Input, type Norm, oneFormat, type Source } from './input.ts';
import { type ScoreBuffers, Scores } from './scores.ts';
import type { RangeName, StepCounts, StepTables } from './step.ts';

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
export type GraphStep = Pick<StepTables, 'limits' | 'table' | 'range' | 'scoredRange'>;

/** What a step leaves: logits, [logits, vocabLength]; and scores, where they are recorded. */
export interface Output {
  readonly logits: Activation;
  readonly scores: ScoreBuffers | undefined;
}

/** Columns that the kernels of the decode phase are made for. */
const columnWidths = [1, 2, 4, 8] as const;

/**
 * The vocabulary of `forward`: each call records the dispatches of one operation for both phases. Those of the decode phase
 * are few: matmuls do what stands before and behind them, and hand on what comes next in the form that it is read in.
 */
export class Graph {
  readonly #recorder: GraphRecorder;
  readonly #config: ModelConfig;
  readonly #step: GraphStep;
  readonly #precision: Precision;
  readonly #scores: boolean;
  readonly #activations = new Map<string, Activation>();

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
    const known = this.#activations.get(name);
    if (known) return known;
    const { maxTokens, maxRows, maxLogits } = this.#step.limits;
    const rows = { tokens: maxTokens, rows: maxRows, logits: maxLogits }[of];
    const buffer = this.#recorder.buffer(name, rows * paddedLength(length) * 4);
    const activation = { name, length, of, buffer };
    this.#activations.set(name, activation);
    return activation;
  }

  /**
   * x = the rows of `matrix` that the step's ids name, those among them that the last step has sampled. What of decode's
   * tokens the first layer reads, where that can be handed on; without a matrix the host writes x.
   */
  embed(matrix: Matrix | undefined, x: Activation, norm: Norm): Source | undefined {
    const format = oneFormat(this.#precision, norm.readers);
    const handed = format && this.#handed(x, norm, format);
    if (handed && !matrix) {
      const shape = { type: 'F32', rowLength: x.length, chained: false, normed: format, inPlace: true };
      this.#over('decode', get_rows, shape, { dst: x, ...handed.written });
    }
    for (const tile of matrix?.tiles ?? []) {
      const shape = { type: tile.type.name, rowLength: x.length, chained: true };
      const buffers = {
        ...tile.planes,
        tile: tile.tile,
        ids: this.#step.table('ids'),
        last_ids: this.#step.table('lastIds'),
        dst: x,
      };
      this.#over(separate(handed), get_rows, shape, buffers, tile);
      if (!handed) continue;
      this.#over('decode', get_rows, { ...shape, normed: format }, { ...buffers, ...handed.written }, tile);
    }
    return handed?.source;
  }

  /** x, normed: of tokens in the decode phase as `handed` has it, where whoever wrote x has handed it on. */
  normed(x: Activation, norm: Norm, handed: Source | undefined): Input {
    const dst = this.#rmsNorm(x, norm.weight, separate(handed));
    return this.input(dst, norm.readers, handed);
  }

  /** The normed rows of x of which anything is wanted, [rows, length]; f32 of all but those that decode has handed on. */
  hidden(x: Activation, norm: Norm, handed: Source | undefined): Input & { readonly rows: Activation } {
    const others = (counts: StepCounts) => (handed && counts.rows === counts.decodeLogits ? 0 : counts.rows);
    const wanted = this.activation(`${x.name} wanted`, x.length, 'rows');
    const tile = this.#recorder.uniform('all tokens', new Uint32Array([0, Math.ceil(this.#step.limits.maxTokens / 2)]));
    const rows = { ids: this.#step.table('rows') };
    const shape = { type: 'F32', rowLength: x.length, chained: false };
    this.#over('rows', get_rows, shape, { weight_v: x, tile, ...rows, dst: wanted }, undefined, others);
    const dst = this.#rmsNorm(wanted, norm.weight, 'rows', others);
    const source = this.#sourceOf(dst, norm.readers, 'rows', others);
    return { length: x.length, prefill: source, decode: handed ?? source, rows: dst };
  }

  /** An activation that was written by separate kernels, but for what of decode's tokens was handed on. */
  input(x: Activation, readers: readonly Matrix[], handed?: Source): Input {
    const source = this.#sourceOf(x, readers, separate(handed));
    return { length: x.length, prefill: source, decode: handed ?? source };
  }

  #sourceOf(x: Activation, readers: readonly Matrix[], range: RangeName, count?: Count): Source {
    const isInt8 = readers.some(({ tiles }) => tiles.some((tile) => formatFor(this.#precision, tile) === 'q8'));
    if (!isInt8) return { f32: { act: x } };
    const q8 = this.#int8Of(x);
    this.#over(range, quantize_q8, { length: x.length }, { x, ...q8 }, undefined, count);
    return { f32: { act: x }, q8 };
  }

  #int8Of({ name, buffer }: Activation) {
    const values = buffer.size / 4;
    const own = (suffix: string, byteLength: number) => ({
      buffer: this.#recorder.buffer(`${name} ${suffix}`, byteLength),
    });
    return { act_q: own('q', values), act_s: own('s', values / 8) };
  }

  /** Where a norm of x is handed on in a form: what its writer binds, and what its readers do. */
  #handed(x: Activation, { weight }: Norm, format: ActivationFormat): { source: Source; written: Buffers } {
    const next = this.activation(`${x.name} normed`, x.length);
    const blocks = next.buffer.size / (4 * blockLength);
    const act_ss = { buffer: this.#recorder.buffer(`${next.name} ss`, blocks * (format === 'q8' ? 8 : 4)) };
    const written = { norm_weight: { buffer: weight }, next_ss: act_ss };
    if (format === 'f32') {
      return { source: { f32: { act: next, act_ss }, undivided: true }, written: { ...written, next } };
    }
    const { act_q } = this.#int8Of(next);
    return { source: { q8: { act_q, act_ss }, undivided: true }, written: { ...written, next_q: act_q } };
  }

  #rmsNorm(x: Activation, weight: GPUBuffer, range: RangeName, count?: Count): Activation {
    const dst = this.activation(`${x.name} normed`, x.length, x.of);
    const shape = { length: x.length, eps: this.#config.layerNormRmsEpsilon };
    this.#over(range, rms_norm, shape, { x, weight: { buffer: weight }, dst }, undefined, count);
    return dst;
  }

  /** matrix · x, into `dst` for both phases. */
  mulMat(matrix: Matrix, x: Input, dst: Activation): Activation {
    for (const tile of matrix.tiles) {
      this.#prefill(tile, x, dst, 'store');
      this.#decode(tile, x, { after: 'store', dst });
    }
    return dst;
  }

  /** x += matrix · input + bias. What of decode's tokens comes next is handed on, normed, where no bias stands between. */
  addTo(x: Activation, matrix: Matrix, input: Input, bias: GPUBuffer | undefined, norm: Norm): Source | undefined {
    const format = bias || !hasWholeBlocks(matrix) ? undefined : oneFormat(this.#precision, norm.readers);
    const handed = format && this.#handed(x, norm, format);
    const after = handed ? (format === 'q8' ? 'add_normed_q8' : 'add_normed') : 'add';
    for (const tile of matrix.tiles) {
      this.#prefill(tile, input, x, 'add');
      this.#decode(tile, input, { after, dst: x, written: handed?.written });
    }
    this.addBias(x, bias, x.length);
    return handed?.source;
  }

  /** silu(gate) · up of a matrix whose rows are gate, up, gate, up, …: [tokens, length], for its readers. */
  swigluOf(matrix: Matrix, x: Input, length: number, readers: readonly Matrix[]): Input {
    const h = this.activation('h', length);
    const isHanded = hasWholeBlocks(matrix) && oneFormat(this.#precision, readers) === 'q8';
    const { act_q, act_s } = isHanded ? this.#int8Of(h) : {};
    for (const tile of matrix.tiles) {
      this.#prefill(tile, x, h, 'swiglu');
      if (act_q && act_s) {
        this.#decode(tile, x, {
          after: 'swiglu_q8',
          dst: h,
          written: { next_q: act_q, next_s: act_s },
          isWritten: false,
        });
      } else this.#decode(tile, x, { after: 'swiglu', dst: h });
    }
    return this.input(h, readers, act_q && act_s && { q8: { act_q, act_s } });
  }

  /**
   * Queries, [tokens, queries], turned by their positions; keys, turned too, and values go into their pages. In decode the
   * matmul does all of it, where nothing is added in between and the cache is one buffer each.
   */
  qkv(matrix: Matrix, x: Input, biases: QkvBiases, kv: KvLayers, layer: number): Activation {
    const { headCount, headCountKv, keyLength } = this.#config;
    const [qLength, kvLength] = [headCount * keyLength, headCountKv * keyLength];
    const qkv = this.activation('qkv', qLength + 2 * kvLength); // [tokens, q, k, v]
    const q = this.activation('q', qLength);
    const cache = Object.values(biases).some(Boolean) ? undefined : this.#wholeCache(matrix, kv, layer);
    for (const tile of matrix.tiles) {
      this.#prefill(tile, x, qkv, 'store');
      if (cache) this.#decode(tile, x, { after: 'rope_kv', dst: q, written: cache.written, qkv: cache.heads });
      else this.#decode(tile, x, { after: 'store', dst: qkv });
    }
    this.addBias(qkv, biases.q, qLength);
    this.addBias(qkv, biases.k, kvLength, qLength);
    this.addBias(qkv, biases.v, kvLength, qLength + kvLength);
    const range = cache ? 'prefill' : 'tokens';
    this.#rope(qkv, q, range);
    this.#kvWrite(qkv, kv, layer, range);
    return q;
  }

  /** What the matmul writes a layer's keys and values with; undefined where separate kernels are to. */
  #wholeCache(matrix: Matrix, kv: KvLayers, layer: number): { written: Buffers; heads: QkvHeads } | undefined {
    const [group, ...others] = kv.layers[layer] ?? [];
    if (!group || others.length > 0 || !hasWholeBlocks(matrix)) return undefined;
    const { headCount, headCountKv, keyLength, ropeDimensionCount } = this.#config;
    return {
      written: {
        keys: group.keys,
        vals: group.vals,
        angles: this.#step.table('angles'),
      },
      heads: {
        heads: headCount,
        kvHeads: headCountKv,
        headLength: keyLength,
        ropePairs: ropeDimensionCount / 2,
        kvType: kv.type,
      },
    };
  }

  /** The prompt's part of a matmul. */
  #prefill(tile: RowTile, x: Input, dst: Activation, after: After): void {
    const [range] = phases[dst.of];
    const activation = formatFor(this.#precision, tile);
    const { rowCount: rows, type } = tile;
    const shape = {
      type: type.name,
      activation,
      after,
      rows,
      rowLength: x.length,
      dstStride: paddedLength(dst.length),
    };
    this.#over(range, mul_mat, shape, { ...tile.planes, ...x.prefill[activation], tile: tile.tile, dst }, tile);
  }

  /** The part of tokens that are decoded, at each width. */
  #decode(tile: RowTile, x: Input, { after, dst, written = {}, qkv, isWritten = true }: DecodeOptions): void {
    const [, range] = phases[dst.of];
    const activation = formatFor(this.#precision, tile);
    const { undivided } = x.decode;
    const isWanted = dst.of !== 'tokens' && x.decode !== x.prefill; // handed on by token, not by row
    const { rowCount: rows, type } = tile;
    const shape = {
      ...{ type: type.name, activation, after, rows, rowLength: x.length, dstStride: paddedLength(dst.length) },
      ...(undivided && { eps: this.#config.layerNormRmsEpsilon }),
      ...(isWanted && { wanted: true }),
      ...(qkv && { qkv }),
    };
    const buffers = {
      ...tile.planes,
      ...x.decode[activation],
      ...(isWanted && { logit_rows: this.#step.table('rows') }),
      ...written,
      ...(isWritten && { dst }),
      tile: tile.tile,
    };
    for (const columns of columnWidths) {
      this.#over(range, mul_mat_vec, { ...shape, columns }, buffers, tile, (counts) =>
        widthFor(counts[range]) === columns ? counts[range] : 0,
      );
    }
  }

  /** Dispatches a kernel over a stretch of the step. */
  #over<S extends object, V extends object>(
    range: RangeName,
    kernel: Kernel<S, V>,
    shape: S,
    buffers: Buffers,
    tile?: RowTile,
    count: Count = (counts) => counts[range],
  ): void {
    const all = { ...buffers, range: this.#step.range(range) };
    this.#recorder.dispatch(kernel, { shape, buffers: all, count, ...(tile && { tile }) });
  }

  /**
   * What the output matrix makes of the last hidden states, `x`: logits where they are wanted, and where scores are, the
   * log-probabilities of one token and of the most likely ones. Tile by tile for all of them, so that each comes but once.
   */
  output(matrix: Matrix, x: Input): Output {
    const logits = this.activation('logits', matrix.rowCount, 'logits');
    const scores = this.#scores ? new Scores(this.#recorder, this.#step, matrix) : undefined;
    for (const tile of matrix.tiles) {
      this.#prefill(tile, x, logits, 'store');
      this.#decode(tile, x, { after: 'store', dst: logits });
      const activation = formatFor(this.#precision, tile);
      scores?.record(tile, activation, x.prefill[activation] ?? {});
    }
    return { logits, scores: scores?.buffers };
  }

  /** Adds one row to all of `dst`, from column `offset` on. */
  addBias(dst: Activation, bias: GPUBuffer | undefined, length: number, offset = 0): void {
    if (!bias) return;
    const shape = { length, dstStride: paddedLength(dst.length), dstOffset: offset, srcStride: 0 };
    this.#over(dst.of, add, shape, { src: { buffer: bias }, dst });
  }

  /** Queries of `qkv`, turned by their positions. */
  #rope(qkv: Activation, dst: Activation, range: RangeName): void {
    const { headCount: heads, keyLength: headLength, ropeDimensionCount } = this.#config;
    const shape = { heads, headLength, ropePairs: ropeDimensionCount / 2, srcStride: paddedLength(qkv.length) };
    this.#over(range, rope, shape, { src: qkv, angles: this.#step.table('angles'), dst });
  }

  /** Keys of `qkv`, turned by their positions, and values, into their pages. */
  #kvWrite(qkv: Activation, kv: KvLayers, layer: number, range: RangeName): void {
    const { headCount, headCountKv, keyLength: headLength, ropeDimensionCount } = this.#config;
    for (const { headStart, heads, keys, vals } of kv.layers[layer] ?? []) {
      const shape = {
        kvType: kv.type,
        heads,
        headStart,
        headLength,
        ropePairs: ropeDimensionCount / 2,
        srcStride: paddedLength(qkv.length),
        keyOffset: headCount * headLength,
        valOffset: (headCount + headCountKv) * headLength,
      };
      this.#over(range, kv_write, shape, { src: qkv, keys, vals, angles: this.#step.table('angles') });
    }
  }

  /** Attention of `q` over all positions up to its own, for its readers. */
  flashAttn(q: Activation, kv: KvLayers, layer: number, readers: readonly Matrix[]): Input {
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
      this.#over('prefillItems', flash_attn, { ...shape, itemTokens: prefillItemTokens(headGroup) }, buffers);
      this.#over('decodeItems', flash_attn, { ...shape, itemTokens: 1 }, buffers);
    }
    const emits = oneFormat(this.#precision, readers) ?? 'f32';
    const { act_q, act_s } = this.#int8Of(dst);
    const next: Buffers = emits === 'q8' ? { next_q: act_q, next_s: act_s } : { next: dst };
    const tokens = this.#step.table('tokens');
    this.#over('decode', flash_attn_merge, { heads, headLength, emits }, { partial, tokens, ...next });
    return this.input(dst, readers, emits === 'q8' ? { q8: { act_q, act_s } } : undefined);
  }

  /** SwiGLU of a gate and an up that are matrices of their own: [tokens, length], for its readers. */
  swiglu(gate: Activation, up: Activation, readers: readonly Matrix[]): Input {
    const dst = this.activation('h', gate.length);
    this.#over('tokens', swiglu, { length: dst.length }, { gate, up, dst });
    return this.input(dst, readers);
  }
}

type Count = (counts: StepCounts) => number;

/** Biases of a layer's queries, keys and values. */
export type QkvBiases = Readonly<Record<'q' | 'k' | 'v', GPUBuffer | undefined>>;

interface DecodeOptions {
  readonly after: VecAfter;
  readonly dst: Activation;
  /** What the part behind it binds besides. */
  readonly written?: Buffers | undefined;
  readonly qkv?: QkvHeads;
  /** Whether it binds `dst` itself. */
  readonly isWritten?: boolean;
}

/** Which tokens separate kernels are for: all, but for those of which whoever wrote them hands on what comes next. */
const separate = (handed: unknown): RangeName => (handed ? 'prefill' : 'tokens');

/** What is written decides. */
const phases = {
  tokens: ['prefill', 'decode'],
  rows: ['prefillLogits', 'decodeLogits'],
  logits: ['prefillLogits', 'decodeLogits'],
} as const satisfies Record<Activation['of'], readonly [RangeName, RangeName]>;

/** The narrowest kernel that takes all columns at once, or the widest, several times. */
function widthFor(columns: number): (typeof columnWidths)[number] {
  return columnWidths.find((width) => width >= columns) ?? 8;
}
