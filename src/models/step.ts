import { type RowScoring, scoringWords, writeScoring } from '../../kernels/log_softmax.ts';
import { prefillItemTokens } from '../../kernels/parts/attention.ts';
import { complete, itemWords } from '../../kernels/parts/attn_items.ts';
import { pageLength } from '../../kernels/parts/kv.ts';
import { pendingBit, pendingId, tokenWords } from '../../kernels/parts/range.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { type BufferRange, createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { offsetAlignment } from '../gpu/limits.ts';
import type { ModelConfig } from './config.ts';
import { fillRope } from './rope.ts';

/** One token of a step: where it stands, and what is wanted of it: one thing at most. */
export interface StepToken {
  /** Or `pendingId`: the one that its sequence's last step samples, and the host does not know yet. */
  readonly id: number;
  readonly position: number;
  readonly sequence: number;
  /** Page × pageLength + place in the page, where its keys and values go. */
  readonly kvSlot: number;
  readonly wantsLogits: boolean;
  /** How likely another token is behind it, and which are the most likely. */
  readonly scoring?: RowScoring | undefined;
  /** What the output matrix would be multiplied with. */
  readonly wantsHidden?: boolean | undefined;
}

/**
 * The unit of work: a flat batch of tokens. Those of `prefill` run the tiled kernels, those of `decode` the narrow ones;
 * a sequence's tokens stand together, in order of position.
 */
export interface Step {
  readonly prefill: readonly StepToken[];
  readonly decode: readonly StepToken[];
}

/** The stretches of a step's tables that kernels work on; each is a `Range` uniform and a count. */
const ranges = [
  'tokens',
  'prefill',
  'decode',
  'rows',
  'logits',
  'prefillLogits',
  'decodeLogits',
  'prefillItems',
  'decodeItems',
] as const;
export type RangeName = (typeof ranges)[number];

/**
 * How much of each range a step has. `rows` are the last
 * hidden states that anything is wanted of: first those whose logits are, then the `scored`, then the others.
 */
export type StepCounts = Record<RangeName | 'scored', number>;

export interface StepLimits {
  /** Tokens in a step, at most. */
  readonly maxTokens: number;
  /** Tokens in a step whose logits are wanted, at most. */
  readonly maxLogits: number;
  /** Tokens in a step of which anything is wanted, at most: whole slices. */
  readonly maxRows: number;
  /** Tokens in a step's decode phase, at most. */
  readonly maxDecode: number;
  readonly sequences: number;
  /** Pages of the longest sequence. */
  readonly maxPages: number;
}

/** Tokens of a step's decode phase: the widest matmul of that family. */
const maxDecode = 8;
/** Logits of a step take at most this much: 32 rows of ALIA's vocabulary. */
const maxLogitsBytes = 32 * 2 ** 20;
/** Rows that are scored beside a step's tokens cost little: as many as a prompt has. */
const maxScored = 512;
/** Rows of which logits stand side by side while they are scored, whatever a tile's length. */
export const sliceRows = 64;

/** What steps of a model are bounded by: `chunkLength` tokens of prefill, `contextLength` positions of all sequences. */
export function stepLimits(
  { vocabLength }: ModelConfig,
  { chunkLength, sequences, contextLength }: { chunkLength: number; sequences: number; contextLength: number },
): StepLimits {
  const decode = Math.max(maxDecode, sequences);
  const rowBytes = paddedLength(vocabLength) * 4;
  const maxLogits = Math.max(decode, Math.min(chunkLength, Math.floor(maxLogitsBytes / rowBytes)));
  const maxRows = maxLogits + Math.min(chunkLength, maxScored);
  return {
    maxTokens: chunkLength + decode,
    maxLogits,
    maxRows: Math.ceil(maxRows / sliceRows) * sliceRows,
    maxDecode: decode,
    sequences,
    maxPages: Math.ceil(contextLength / pageLength),
  };
}

/** Bytes between two ranges in their buffer. */
const rangeStride = offsetAlignment;

/** Slices of a step's rows, and with them a range each behind the others. */
export const sliceCount = ({ maxRows }: Pick<StepLimits, 'maxRows'>): number => Math.ceil(maxRows / sliceRows);

/** Of a slice's rows those that are scored: the first one, and how many. */
export function scoredIn({ logits, scored }: StepCounts, slice: number): { start: number; count: number } {
  const start = Math.max(0, logits - slice * sliceRows);
  return { start, count: Math.max(0, Math.min(sliceRows, logits + scored - slice * sliceRows) - start) };
}

/** What the host tells the GPU of a step: tables in buffers that live as long as the model. */
export class StepTables {
  readonly limits: StepLimits;
  readonly #device: Device;
  readonly #frequencies: Float64Array;
  readonly #prefillItemTokens: number;
  readonly #buffers: Record<TableName, GPUBuffer>;
  readonly #ids: Uint32Array<ArrayBuffer>;
  readonly #tokens: Uint32Array<ArrayBuffer>;
  /** Of a token: its angles, then its slot. */
  readonly #angleWords: number;
  readonly #angles: Float32Array<ArrayBuffer>;
  readonly #angleBits: Uint32Array<ArrayBuffer>;
  readonly #items: Uint32Array<ArrayBuffer>;
  readonly #rows: Uint32Array<ArrayBuffer>;
  readonly #scorings: Uint32Array<ArrayBuffer>;
  readonly #ranges: Uint32Array<ArrayBuffer>;

  private constructor(
    device: Device,
    config: ModelConfig,
    frequencies: Float64Array,
    limits: StepLimits,
    buffers: Record<TableName, GPUBuffer>,
  ) {
    this.limits = limits;
    this.#device = device;
    this.#frequencies = frequencies;
    this.#prefillItemTokens = prefillItemTokens(config.headCount / config.headCountKv);
    this.#buffers = buffers;
    this.#ids = new Uint32Array(limits.maxTokens);
    this.#tokens = new Uint32Array(limits.maxTokens * tokenWords);
    this.#angleWords = angleWords(config);
    this.#angles = new Float32Array(limits.maxTokens * this.#angleWords);
    this.#angleBits = new Uint32Array(this.#angles.buffer);
    this.#items = new Uint32Array(buffers.items.size / 4);
    this.#rows = new Uint32Array(limits.maxRows);
    this.#scorings = new Uint32Array(limits.maxRows * scoringWords);
    this.#ranges = new Uint32Array(buffers.ranges.size / 4);
  }

  static async create(device: Device, config: ModelConfig, frequencies: Float64Array, limits: StepLimits) {
    const buffers = {} as Record<TableName, GPUBuffer>;
    for (const [name, count] of Object.entries(stepTableWords(config, limits)) as [TableName, number][]) {
      buffers[name] = await createBuffer(device, `step ${name}`, count * 4, name === 'ranges' ? 'uniform' : 'storage');
    }
    return new StepTables(device, config, frequencies, limits, buffers);
  }

  /** A table, as kernels bind it. */
  table(name: Exclude<TableName, 'ranges'>): BufferRange {
    return { buffer: this.#buffers[name] };
  }

  range(name: RangeName): BufferRange {
    return { buffer: this.#buffers.ranges, offset: ranges.indexOf(name) * rangeStride, size: 12 };
  }

  /** Of a slice, the rows that are scored. */
  scoredRange(slice: number): BufferRange {
    return { buffer: this.#buffers.ranges, offset: (ranges.length + slice) * rangeStride, size: 12 };
  }

  /** Writes the page table of all sequences, [sequences, maxPages]. */
  writePages(pages: Uint32Array<ArrayBuffer>): void {
    this.#device.gpu.queue.writeBuffer(this.#buffers.pages, 0, pages);
  }

  /** Writes a step's tables; its counts decide what a plan's replay dispatches. */
  write(step: Step): StepCounts {
    const tokens = [...step.prefill, ...step.decode];
    tokens.forEach((token, i) => {
      this.#ids[i] = token.id === pendingId ? pendingBit + token.sequence : token.id;
      this.#tokens.set([token.position, token.sequence, 0, 0], i * tokenWords);
      const angles = i * this.#angleWords;
      fillRope(this.#frequencies, token.position, this.#angles, angles);
      this.#angleBits[angles + this.#angleWords - 2] = token.kvSlot;
    });
    const prefillItems = this.#listPrefillItems(step.prefill);
    const decodeItems = this.#listDecodeItems(step, prefillItems);
    const prefill = step.prefill.length;
    const { rows, prefillWanted, logits, scored } = this.#listRows(tokens, prefill);
    const counts: StepCounts = {
      tokens: tokens.length,
      prefill,
      decode: step.decode.length,
      rows,
      logits,
      prefillLogits: prefillWanted,
      decodeLogits: logits - prefillWanted,
      scored,
      prefillItems,
      decodeItems,
    };
    const starts: Partial<Record<RangeName, number>> = {
      decode: prefill,
      decodeLogits: prefillWanted,
      decodeItems: prefillItems,
    };
    ranges.forEach((name, i) => {
      this.#ranges.set([starts[name] ?? 0, counts[name]], (i * rangeStride) / 4);
    });
    for (let slice = 0; scored > 0 && slice < sliceCount(this.limits); slice++) {
      const { start, count } = scoredIn(counts, slice);
      this.#ranges.set([start, count], ((ranges.length + slice) * rangeStride) / 4);
    }
    this.#send(counts);
    return counts;
  }

  /** Places of the tokens of which anything is wanted: logits, scores, hidden states. */
  #listRows(tokens: readonly StepToken[], prefill: number) {
    let [rows, prefillWanted] = [0, 0];
    tokens.forEach(({ wantsLogits }, i) => {
      if (!wantsLogits) return;
      this.#rows[rows++] = i;
      if (i < prefill) prefillWanted++;
    });
    const logits = rows;
    tokens.forEach(({ scoring }, i) => {
      if (!scoring) return;
      writeScoring(this.#scorings, rows, scoring);
      this.#rows[rows++] = i;
    });
    const scored = rows - logits;
    tokens.forEach(({ wantsHidden }, i) => {
      if (wantsHidden) this.#rows[rows++] = i;
    });
    return { rows, prefillWanted, logits, scored };
  }

  #listPrefillItems(prefill: readonly StepToken[]): number {
    let items = 0;
    for (let first = 0; first < prefill.length; ) {
      const { sequence, position } = prefill[first] as StepToken;
      let count = 1;
      while (count < this.#prefillItemTokens && prefill[first + count]?.sequence === sequence) count++;
      this.#items.set([first, count, 0, position + count, complete], items++ * itemWords);
      first += count;
    }
    return items;
  }

  /** A token's positions are split by pages: by its own position alone, whoever stands beside it. */
  #listDecodeItems({ prefill, decode }: Step, first: number): number {
    let items = 0;
    decode.forEach(({ position }, i) => {
      const token = prefill.length + i;
      const splits = Math.ceil((position + 1) / pageLength);
      this.#tokens.set([items, splits], token * tokenWords + 2);
      for (let split = 0; split < splits; split++) {
        const end = Math.min((split + 1) * pageLength, position + 1);
        this.#items.set([token, 1, split * pageLength, end, items], (first + items) * itemWords);
        items++;
      }
    });
    return items;
  }

  #send(counts: StepCounts): void {
    const { queue } = this.#device.gpu;
    const { ids, tokens, angles, items, rows, scorings, ranges } = this.#buffers;
    queue.writeBuffer(ids, 0, this.#ids, 0, counts.tokens);
    queue.writeBuffer(tokens, 0, this.#tokens, 0, counts.tokens * tokenWords);
    queue.writeBuffer(angles, 0, this.#angles, 0, counts.tokens * this.#angleWords);
    queue.writeBuffer(items, 0, this.#items, 0, (counts.prefillItems + counts.decodeItems) * itemWords);
    queue.writeBuffer(rows, 0, this.#rows, 0, counts.rows);
    if (counts.scored > 0) {
      queue.writeBuffer(scorings, 0, this.#scorings, 0, (counts.logits + counts.scored) * scoringWords);
    }
    queue.writeBuffer(ranges, 0, this.#ranges);
  }

  destroy(): void {
    for (const buffer of Object.values(this.#buffers)) buffer.destroy();
  }
}

/** Words that a token has of the table of angles: two a pair, and two for its slot. */
const angleWords = ({ ropeDimensionCount }: ModelConfig) => ropeDimensionCount + 2;

/** Words of each of a step's tables. */
export function stepTableWords(config: ModelConfig, limits: StepLimits): Record<TableName, number> {
  const { maxTokens, maxRows, maxDecode, sequences, maxPages } = limits;
  return {
    ids: maxTokens,
    tokens: maxTokens * tokenWords,
    angles: maxTokens * angleWords(config),
    items: (maxTokens + maxDecode * maxPages) * itemWords,
    rows: maxRows,
    scorings: maxRows * scoringWords,
    pages: sequences * maxPages,
    lastIds: sequences,
    ranges: ((ranges.length + sliceCount(limits)) * rangeStride) / 4,
  };
}

type TableName = 'ids' | 'tokens' | 'angles' | 'items' | 'rows' | 'scorings' | 'pages' | 'lastIds' | 'ranges';
