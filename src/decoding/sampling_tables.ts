import {
  type Mask,
  maxRecent,
  noToken,
  type RowSampling,
  samplingWords,
  writeSampling,
} from '../../kernels/parts/sampling.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { sample_adjust } from '../../kernels/sample_adjust.ts';
import { sample_draw } from '../../kernels/sample_draw.ts';
import { sample_filter } from '../../kernels/sample_filter.ts';
import { sample_pick } from '../../kernels/sample_pick.ts';
import { createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { Recorder } from '../gpu/plan.ts';
import type { Activation } from '../models/graph.ts';
import { samplingPlanWords, samplingTableWords } from '../models/sampling_sizes.ts';
import type { StepCounts, StepTables } from '../models/step.ts';

export { type Mask, noToken, type RowSampling };

/** A step's counts, and the rows of logits that are sampled: all or none of them pass each of the kernels. */
export interface SampledCounts extends StepCounts {
  readonly sampled: number;
  /** Rows, where any has biases, penalties, filters or a mask. */
  readonly changed: number;
  /** Rows, where any has filters. */
  readonly filtered: number;
}

/** What changes the logits of a sequence's next tokens. */
export interface SequenceState {
  /** Added to logits, by token. */
  readonly biases: ReadonlyMap<number, number>;
  /** How often tokens stand among the recent ones. */
  readonly counts: ReadonlyMap<number, number>;
  /** The recent tokens, oldest first, where the penalties look back on a window. */
  readonly recent: readonly number[];
}

/** What the GPU needs to choose tokens: a table of rows per step, and what it remembers of each sequence. */
export class SamplingTables {
  readonly #device: Device;
  readonly #vocabLength: number;
  readonly #maxRows: number;
  readonly #buffers: Record<TableName, GPUBuffer>;
  readonly #words: Uint32Array<ArrayBuffer>;
  /** By row: what is on the GPU already. States of a grammar return, and masks with them. */
  readonly #masks: Mask[] = [];
  /** Masks of the step that is being submitted, which are not there yet. */
  #coming: { readonly row: number; readonly mask: Promise<Mask> }[] = [];

  private constructor(device: Device, vocabLength: number, maxRows: number, buffers: Record<TableName, GPUBuffer>) {
    this.#device = device;
    this.#vocabLength = vocabLength;
    this.#maxRows = maxRows;
    this.#buffers = buffers;
    this.#words = new Uint32Array(maxRows * samplingWords);
  }

  static async create(device: Device, vocabLength: number, maxRows: number, sequences: number) {
    const words: Record<TableName, number> = samplingTableWords(vocabLength, maxRows, sequences);
    const buffers = {} as Record<TableName, GPUBuffer>;
    for (const [name, count] of Object.entries(words) as [TableName, number][]) {
      buffers[name] = await createBuffer(device, `sampling ${name}`, count * 4);
    }
    return new SamplingTables(device, vocabLength, maxRows, buffers);
  }

  /** Records how rows of logits become ids: [rows]. */
  record(recorder: Recorder<SampledCounts>, logits: Activation, step: StepTables): GPUBuffer {
    const length = this.#vocabLength;
    const stride = paddedLength(length);
    const words = samplingPlanWords(length, this.#maxRows);
    const own = (name: keyof typeof words) => recorder.buffer(name, words[name] * 4);
    const range = step.range('logits');
    const { samplings, biases, counts, recent, masks } = this.#bindings;
    const candidates = { buffer: own('candidates') };
    const best_scores = { buffer: own('best scores') };
    const best_ids = { buffer: own('best ids') };
    const ids = own('ids');
    const gate = () => this.#writeComing(); // a forward pass is not kept waiting for the masks

    recorder.dispatch(sample_adjust, {
      shape: { length, stride },
      buffers: { logits, biases, counts, masks, candidates, samplings, range },
      count: ({ changed }) => changed,
      gate,
    });
    recorder.dispatch(sample_filter, {
      shape: { length, stride },
      buffers: { candidates, samplings, range },
      count: ({ filtered }) => filtered,
      gate,
    });
    recorder.dispatch(sample_draw, {
      shape: { length, stride },
      buffers: { logits, candidates, samplings, best_scores, best_ids, range },
      count: ({ sampled }) => sampled,
      gate,
    });
    recorder.dispatch(sample_pick, {
      shape: { length },
      buffers: {
        best_scores,
        best_ids,
        samplings,
        ids: { buffer: ids },
        last_ids: step.table('lastIds'),
        counts,
        recent,
        range,
      },
      count: ({ sampled }) => sampled,
      gate,
    });
    return ids;
  }

  /** What the GPU is to remember of a sequence from now on. */
  writeState(sequence: number, { biases, counts, recent }: SequenceState): void {
    const { queue } = this.#device.gpu;
    const first = sequence * this.#vocabLength * 4;
    const write = (name: 'biases' | 'counts', table: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>) =>
      queue.writeBuffer(this.#buffers[name], first, table);
    write('biases', filled(new Float32Array(this.#vocabLength), biases));
    write('counts', filled(new Uint32Array(this.#vocabLength), counts));
    if (recent.length > 0) {
      queue.writeBuffer(this.#buffers.recent, sequence * maxRecent * 4, Uint32Array.from(recent));
    }
  }

  /** Writes a step's rows, in the order of its logits; undefined is a row that the host reads alone. */
  write(counts: StepCounts, rows: readonly (RowSampling | undefined)[]): SampledCounts {
    const { queue } = this.#device.gpu;
    this.#coming = [];
    this.#words.fill(0, 0, rows.length * samplingWords);
    let [sampled, changed, filtered] = [0, 0, 0];
    rows.forEach((sampling, row) => {
      if (!sampling) return;
      writeSampling(this.#words, row, sampling);
      sampled = rows.length;
      if (sampling.adjusts || sampling.filters || sampling.mask) changed = rows.length;
      if (sampling.filters) filtered = rows.length;
      if (sampling.mask instanceof Promise) this.#coming.push({ row, mask: sampling.mask });
      else if (sampling.mask) this.#writeMask(row, sampling.mask);
    });
    if (sampled) queue.writeBuffer(this.#buffers.samplings, 0, this.#words, 0, rows.length * samplingWords);
    return { ...counts, sampled, changed, filtered };
  }

  /** Waits for the masks that are on their way. */
  #writeComing(): Promise<void> | undefined {
    const coming = this.#coming;
    this.#coming = [];
    if (coming.length === 0) return undefined;
    return Promise.all(coming.map(async ({ row, mask }) => this.#writeMask(row, await mask))).then(() => undefined);
  }

  #writeMask(row: number, mask: Mask): void {
    if (this.#masks[row] === mask) return;
    this.#masks[row] = mask;
    this.#device.gpu.queue.writeBuffer(this.#buffers.masks, row * mask.byteLength, mask);
  }

  get #bindings(): Record<TableName, { buffer: GPUBuffer }> {
    const { samplings, biases, counts, recent, masks } = this.#buffers;
    return {
      samplings: { buffer: samplings },
      biases: { buffer: biases },
      counts: { buffer: counts },
      recent: { buffer: recent },
      masks: { buffer: masks },
    };
  }

  destroy(): void {
    for (const buffer of Object.values(this.#buffers)) buffer.destroy();
  }
}

type TableName = 'samplings' | 'biases' | 'counts' | 'recent' | 'masks';

function filled<T extends Float32Array | Uint32Array>(table: T, values: ReadonlyMap<number, number>): T {
  for (const [id, value] of values) table[id] = value;
  return table;
}
