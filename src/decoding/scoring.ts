import { maxTop, type RowScoring } from '../../kernels/log_softmax.ts';
import { noToken } from '../../kernels/parts/sampling.ts';
import type { Readbacks } from '../gpu/readback.ts';
import type { ScoreBuffers } from '../models/scores.ts';
import type { Logprob } from './logprobs.ts';

export { maxTop, type RowScoring };

/** A token where it stands, and the most likely ones in its place, best first. */
export interface TokenScore extends Logprob {
  readonly top: readonly Logprob[];
}

/**
 * Records a copy of a step's scores, the first of which is of row `firstRow`: only what is asked for comes back. Where the
 * logits are no numbers, nothing is `top`.
 */
export function copyScores(
  encoder: GPUCommandEncoder,
  readbacks: Readbacks,
  { target_logprobs, top_ids, top_logprobs }: ScoreBuffers,
  firstRow: number,
  scorings: readonly RowScoring[],
): { read(): Promise<TokenScore[]> } {
  const copy = (buffer: GPUBuffer, perRow: number) =>
    readbacks.copy(encoder, buffer, scorings.length * perRow * 4, firstRow * perRow * 4);
  const copies = [copy(target_logprobs, 1), copy(top_ids, maxTop), copy(top_logprobs, maxTop)];
  return {
    async read() {
      const [targets, ids, logprobs] = await Promise.all(copies.map((each) => each.read()));
      return scoresOf(scorings, new Float32Array(targets!), new Uint32Array(ids!), new Float32Array(logprobs!));
    },
  };
}

/** The kernel's outputs, [rows] and [rows, maxTop], as what was asked of each row. */
function scoresOf(rows: readonly RowScoring[], targets: Float32Array, ids: Uint32Array, logprobs: Float32Array) {
  return rows.map(({ target, top: count }, row): TokenScore => {
    const top: Logprob[] = [];
    for (let i = row * maxTop; i < row * maxTop + count && ids[i] !== noToken; i++) {
      top.push({ id: ids[i] as number, logprob: logprobs[i] as number });
    }
    const known = top.find(({ id }) => id === target); // the very same number, however a driver rounds
    return { id: target, logprob: known?.logprob ?? (targets[row] as number), top };
  });
}
