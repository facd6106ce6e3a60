import { laneFloats, log_softmax, maxTop, partWords } from '../../kernels/log_softmax.ts';
import { mul_mat } from '../../kernels/mul_mat.ts';
import type { ActivationFormat } from '../../kernels/parts/activation.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import type { Matrix, RowTile } from '../weights/matrix.ts';
import type { GraphRecorder, GraphStep } from './graph.ts';
import type { Buffers } from './input.ts';
import { type StepCounts, scoredIn, sliceCount, sliceRows } from './step.ts';

/** What the scored rows say: see log_softmax. */
export type ScoreBuffers = Record<'lanes' | 'target_logprobs' | 'top_ids' | 'top_logprobs', GPUBuffer>;

/** Log-probabilities of the rows that are scored, over the output matrix's tiles as they come. */
export class Scores {
  readonly buffers: ScoreBuffers;
  readonly #recorder: GraphRecorder;
  readonly #step: GraphStep;
  readonly #matrix: Matrix;
  /** Length of a row of logits: of the longest tile. */
  readonly #stride: number;

  constructor(recorder: GraphRecorder, step: GraphStep, matrix: Matrix) {
    this.#recorder = recorder;
    this.#step = step;
    this.#matrix = matrix;
    this.#stride = paddedLength(Math.max(...matrix.tiles.map(({ rowCount }) => rowCount)));
    const buffer = (name: string, perRow: number) => recorder.buffer(name, step.limits.maxRows * perRow * 4);
    this.buffers = {
      lanes: buffer('score lanes', laneFloats),
      target_logprobs: buffer('target logprobs', 1),
      top_ids: buffer('top ids', maxTop),
      top_logprobs: buffer('top logprobs', maxTop),
    };
  }

  /** A tile's logits, [sliceRows, stride], a slice of the rows at a time; and what they say. `x`: the hidden states. */
  record(tile: RowTile, activation: ActivationFormat, x: Buffers): void {
    const { rowStart, rowCount, label, type } = tile;
    const stride = this.#stride;
    const isLast = tile === this.#matrix.tiles.at(-1);
    const logits = { buffer: this.#recorder.buffer('scored logits', sliceRows * stride * 4) };
    const alone = this.#recorder.uniform(`${label} alone`, new Uint32Array([0, Math.ceil(rowCount / 2)]));
    const words = partWords({ start: rowStart, length: rowCount, isLast });
    const part = this.#recorder.uniform(`${label} of the vocabulary`, words);
    const { rowLength } = this.#matrix;
    const product = {
      type: type.name,
      activation,
      after: 'store',
      rows: rowCount,
      rowLength,
      dstStride: stride,
    } as const;
    for (let slice = 0; slice < sliceCount(this.#step.limits); slice++) {
      const of = (range: BufferRange) => sliceOf(range, slice, this.#step.limits.maxRows);
      const own = (buffers: Buffers) =>
        Object.fromEntries(Object.entries(buffers).map(([name, range]) => [name, of(range)]));
      const range = this.#step.scoredRange(slice);
      const count = (counts: StepCounts) => (counts.scored > 0 ? scoredIn(counts, slice).count : 0);
      const buffers = { ...tile.planes, ...own(x), tile: alone, dst: logits, range };
      this.#recorder.dispatch(mul_mat, { shape: product, buffers, count, tile });
      const scores = Object.fromEntries(Object.entries(this.buffers).map(([name, buffer]) => [name, of({ buffer })]));
      const scorings = of(this.#step.table('scorings'));
      this.#recorder.dispatch(log_softmax, {
        shape: { stride },
        buffers: { logits, part, range, scorings, ...scores },
        count,
        tile,
      });
    }
  }
}

/** The part of a buffer that holds a slice of its `maxRows` rows. */
function sliceOf({ buffer }: BufferRange, slice: number, maxRows: number): BufferRange {
  const size = (buffer.size / maxRows) * sliceRows;
  return { buffer, offset: slice * size, size };
}
