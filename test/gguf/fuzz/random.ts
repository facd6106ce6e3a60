import { Random as CaseRandom } from '../../../kernels/case_data.ts';

/** The cases' numbers, with choices: the same for the same seed. */
export class Random extends CaseRandom {
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}
