import { log_softmax, maxTop, type RowScoring, scoringWords, writeScoring } from '../../kernels/log_softmax.ts';
import { noToken } from '../../kernels/parts/sampling.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { allResident, type Plan, Recorder } from '../gpu/plan.ts';
import type { Readbacks } from '../gpu/readback.ts';
import type { Activation } from '../models/graph.ts';
import type { StepTables } from '../models/step.ts';
import type { Logprob } from './logprobs.ts';
import { BrokenLogitsError } from './sampler.ts';

export { maxTop, type RowScoring };

/** A token where it stands, and the most likely ones in its place, best first. */
export interface TokenScore extends Logprob {
  readonly top: readonly Logprob[];
}

type Buffers = Record<'scorings' | 'target_logprobs' | 'top_ids' | 'top_logprobs', GPUBuffer>;

interface RowCount {
  readonly rows: number;
}

/** Rows of logits to log-probabilities, where the logits are: only what is asked for comes back. */
export class Scoring {
  readonly #device: Device;
  readonly #plan: Plan<RowCount>;
  readonly #buffers: Buffers;

  private constructor(device: Device, plan: Plan<RowCount>, buffers: Buffers) {
    this.#device = device;
    this.#plan = plan;
    this.#buffers = buffers;
  }

  /** A plan of its own, beside the one that leaves `logits`, [rows, vocabLength]: few models are asked. */
  static async record(device: Device, pipelines: Pipelines, logits: Activation, step: StepTables): Promise<Scoring> {
    const recorder = new Recorder<RowCount>(device, pipelines);
    const { maxLogits } = step.limits;
    const buffers = {
      scorings: recorder.buffer('scorings', maxLogits * scoringWords * 4),
      target_logprobs: recorder.buffer('target logprobs', maxLogits * 4),
      top_ids: recorder.buffer('top ids', maxLogits * maxTop * 4),
      top_logprobs: recorder.buffer('top logprobs', maxLogits * maxTop * 4),
    };
    const { length } = logits;
    const bindings = Object.entries(buffers).map(([name, buffer]) => [name, { buffer }]);
    recorder.dispatch(log_softmax, {
      shape: { length, stride: paddedLength(length) },
      buffers: { ...Object.fromEntries(bindings), logits: { buffer: logits.buffer }, range: step.range('logits') },
      count: ({ rows }) => rows,
    });
    return new Scoring(device, await recorder.finish(allResident), buffers);
  }

  /** Submits the scoring of a step's rows, behind the step. `read` throws `BrokenLogitsError` where they are no numbers. */
  async submit(rows: readonly RowScoring[], readbacks: Readbacks): Promise<{ read(): Promise<TokenScore[]> }> {
    const words = new Uint32Array(rows.length * scoringWords);
    rows.forEach((row, r) => {
      writeScoring(words, r, row);
    });
    const { scorings, target_logprobs, top_ids, top_logprobs } = this.#buffers;
    this.#device.gpu.queue.writeBuffer(scorings, 0, words);
    const copies: ReturnType<Readbacks['copy']>[] = [];
    await this.#plan.replay({ rows: rows.length }, (encoder) => {
      for (const [buffer, perRow] of [
        [target_logprobs, 1],
        [top_ids, maxTop],
        [top_logprobs, maxTop],
      ] as const) {
        copies.push(readbacks.copy(encoder, buffer, rows.length * perRow * 4));
      }
    });
    return {
      async read() {
        const [targets, ids, logprobs] = await Promise.all(copies.map((copy) => copy.read()));
        return scoresOf(rows, new Float32Array(targets!), new Uint32Array(ids!), new Float32Array(logprobs!));
      },
    };
  }

  destroy(): void {
    this.#plan.destroy();
  }
}

/** The kernel's outputs, [rows] and [rows, maxTop], as what was asked of each row. */
function scoresOf(rows: readonly RowScoring[], targets: Float32Array, ids: Uint32Array, logprobs: Float32Array) {
  return rows.map(({ target, top: count }, row): TokenScore => {
    const top: Logprob[] = [];
    for (let i = row * maxTop; i < row * maxTop + count && ids[i] !== noToken; i++) {
      top.push({ id: ids[i] as number, logprob: logprobs[i] as number });
    }
    if (count > 0 && top.length === 0) throw new BrokenLogitsError();
    const known = top.find(({ id }) => id === target); // the very same number, however a driver rounds
    return { id: target, logprob: known?.logprob ?? (targets[row] as number), top };
  });
}
