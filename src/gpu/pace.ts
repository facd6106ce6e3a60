import type { Workgroups } from './kernel.ts';

/** A dispatch that was submitted with others. */
export interface Submitted {
  readonly pipeline: GPUComputePipeline;
  readonly groups: Workgroups;
}

/** A measurement moves what is thought of several pipelines at once by no more than this. */
const mostAtOnce = 4;
/** Of a submission, what a new pipeline takes at least, whatever is thought of the others. */
const leastShare = 0.01;

/** How long dispatches take, learnt from those before. */
export class Pace {
  /** Milliseconds of a workgroup. */
  readonly #rates = new Map<GPUComputePipeline, number>();

  /** Milliseconds that a dispatch may take; `Infinity` of a pipeline that nobody has seen run. */
  estimate({ pipeline, groups }: Submitted): number {
    return (this.#rates.get(pipeline) ?? Number.POSITIVE_INFINITY) * count(groups);
  }

  /**
   * What a submission took. Where one pipeline is new, what the others do not explain is its; otherwise each is thought to
   * be wrong by as much as all of them together.
   */
  learn(submitted: readonly Submitted[], milliseconds: number): void {
    const known = submitted.filter(({ pipeline }) => this.#rates.has(pipeline));
    const explained = known.reduce((sum, dispatch) => sum + this.estimate(dispatch), 0);
    const pipelines = new Set(submitted.map(({ pipeline }) => pipeline));
    const isNew = known.length < submitted.length;
    const factor = Math.min(mostAtOnce, Math.max(1 / mostAtOnce, milliseconds / explained));
    for (const pipeline of pipelines) {
      const own = submitted.filter((dispatch) => dispatch.pipeline === pipeline);
      const workgroups = own.reduce((sum, { groups }) => sum + count(groups), 0);
      const rate = this.#rates.get(pipeline);
      if (pipelines.size === 1) this.#rates.set(pipeline, milliseconds / workgroups);
      else if (rate === undefined)
        this.#rates.set(pipeline, Math.max(milliseconds - explained, leastShare * milliseconds) / workgroups);
      else if (!isNew) this.#rates.set(pipeline, rate * factor);
    }
  }
}

function count([x, y, z]: Workgroups): number {
  return x * y * z;
}
